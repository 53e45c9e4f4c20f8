import { DISPATCHERS, outboxNames } from '../redis/names.ts'
import { type Connection, run, type Script } from '../redis/script.ts'
import { type Claim, scheduleStart } from './claim.ts'
import { ENDED } from './ended.ts'
import type { Outcome } from './outcome.ts'
import { PROOF } from './proof-lua.ts'
import type { Attempt } from './record.ts'

/** Delivered records kept in each partition, as history for people. */
const HISTORY = 500

/**
 * KEYS 1 outbox  2 retry  3 alerts  4 dead  5 delivered  6 parked
 * ARGV 1 consumer  2 stream id  3 alert id  4 'delivered' | 'retry' | 'dead' | 'parked'
 *      5 milliseconds to wait (retry, parked) or reason (dead)  6 the record's JSON as it is now
 *      7 its entry among the parked ones from before, 8 from now on; empty = none
 * Reply 1 = done, 0 = it was done before, or the claim had gone to another process, which decides now.
 *
 * A delivery is taken off whoever owns it: the receiver has it, so another attempt could only repeat it. An alert that Redis has
 * lost meanwhile (flush, failover to older data) is put back: this process knows it still.
 */
export const ackScript: Script = {
  name: 'vkAck',
  lua: `
${ENDED}
${PROOF}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local pending = redis.pcall('XPENDING', KEYS[1], '${DISPATCHERS}', ARGV[2], ARGV[2], 1)
if pending.err and not string.find(pending.err, 'NOGROUP', 1, true) then return pending end
local mine = pending[1] and pending[1][2] == ARGV[1]
local stored = redis.call('HEXISTS', KEYS[3], ARGV[3]) == 1
if not mine and stored and ARGV[4] ~= 'delivered' then return 0 end
if not mine and not stored and ended(KEYS[4], KEYS[5], ARGV[2], ARGV[3]) then return 0 end
redis.call('ZCARD', KEYS[2])
redis.call('XLEN', KEYS[4])
redis.call('XLEN', KEYS[5])
local newest = redis.call('ZREVRANGE', KEYS[6], 0, 0, 'WITHSCORES')
prove_zrem(KEYS[2])
prove_xack(KEYS[1])
prove_xdel(KEYS[1])
if ARGV[4] == 'retry' or ARGV[4] == 'parked' then
  prove_zadd(KEYS[2])
  redis.call('HSET', KEYS[3], ARGV[3], ARGV[6])
  redis.call('ZADD', KEYS[2], now + ARGV[5], ARGV[3])
else
  prove_hdel(KEYS[3])
  if ARGV[4] == 'dead' then
    redis.call('XADD', KEYS[4], '*', 'id', ARGV[3], 'reason', ARGV[5], 'record', ARGV[6])
  else
    redis.call('XADD', KEYS[5], 'MAXLEN', '~', ${HISTORY}, '*', 'id', ARGV[3], 'record', ARGV[6])
  end
  redis.call('HDEL', KEYS[3], ARGV[3])
  redis.call('ZREM', KEYS[2], ARGV[3])
end
if ARGV[7] ~= '' then redis.call('ZREM', KEYS[6], ARGV[7]) end
if ARGV[8] ~= '' then redis.call('ZADD', KEYS[6], math.max(now, (tonumber(newest[2]) or 0) + 1), ARGV[8]) end
redis.call('XACK', KEYS[1], '${DISPATCHERS}', ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
return 1
`,
}

/** What an attempt, or the look at an alert, adds to its record. */
export interface Added {
  readonly attempt?: Attempt
  /** Where the attempt went. */
  readonly url?: string
  /** Its entry among the parked ones. */
  readonly parkedEntry?: string
}

/**
 * Moves an alert on after an attempt, or back where none was made.
 * @returns false: it was not this process's any more
 * @throws ReplyError or a connection's Error
 */
export async function ack(
  redis: Connection,
  consumer: string,
  claim: Claim,
  outcome: Outcome,
  added: Added = {},
): Promise<boolean> {
  const { partition, streamId, id, record } = claim
  const { outbox, retry, alerts, dead, delivered, parked } = outboxNames(partition)
  const detail =
    outcome.state === 'retry' || outcome.state === 'parked'
      ? Math.round(outcome.delay)
      : outcome.state === 'dead'
        ? outcome.reason
        : ''
  const reply = await run(
    redis,
    ackScript,
    [outbox, retry, alerts, dead, delivered, parked],
    [
      consumer,
      streamId,
      id,
      outcome.state,
      detail,
      moved(claim, outcome, added),
      record?.parked?.entry ?? '',
      added.parkedEntry ?? '',
    ],
  )
  return reply === 1
}

/** The record as Redis is to keep it. What is no record stays as it is. */
function moved(claim: Claim, outcome: Outcome, { attempt, url, parkedEntry }: Added): string {
  const { record, json } = claim
  if (record === undefined) return json
  const { parked: _, ...rest } = record
  return JSON.stringify({
    ...rest,
    url: url ?? record.url,
    attempts: attempt === undefined ? record.attempts : [...record.attempts, attempt],
    since: scheduleStart(claim),
    ...(outcome.state === 'parked' && parkedEntry !== undefined
      ? { parked: { reason: outcome.reason, entry: parkedEntry } }
      : {}),
  })
}
