import { DISPATCHERS, outboxNames } from '../keys.ts'
import { type Connection, run, type Script } from '../ledger/script.ts'
import type { Claim } from './claim.ts'
import { ENDED } from './ended.ts'
import type { Outcome } from './outcome.ts'
import type { Attempt } from './record.ts'

/** Delivered records kept in each partition, as history for people. */
const HISTORY = 500

/**
 * KEYS 1 outbox  2 retry  3 alerts  4 dead  5 delivered
 * ARGV 1 consumer  2 stream id  3 alert id  4 'delivered' | 'retry' | 'dead'  5 milliseconds to wait (retry) or reason (dead)
 *      6 the record's JSON with the new attempt
 * Reply 1 = done, 0 = it was done before, or the claim had gone to another process, which decides now.
 *
 * A delivery is taken off whoever owns it: the receiver has it, so another attempt could only repeat it. An alert that Redis has
 * lost meanwhile (flush, failover to older data) is put back: this process knows it still.
 */
export const finishScript: Script = {
  name: 'vkFinish',
  lua: `
${ENDED}
local pending = redis.pcall('XPENDING', KEYS[1], '${DISPATCHERS}', ARGV[2], ARGV[2], 1)
local mine = pending[1] and pending[1][2] == ARGV[1]
local stored = redis.call('HEXISTS', KEYS[3], ARGV[3]) == 1
if not mine and stored and ARGV[4] ~= 'delivered' then return 0 end
if not mine and not stored and ended(KEYS[4], KEYS[5], ARGV[2], ARGV[3]) then return 0 end
if ARGV[4] == 'retry' then
  local time = redis.call('TIME')
  redis.call('HSET', KEYS[3], ARGV[3], ARGV[6])
  redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[5], ARGV[3])
else
  if ARGV[4] == 'dead' then
    redis.call('XADD', KEYS[4], '*', 'id', ARGV[3], 'reason', ARGV[5], 'record', ARGV[6])
  else
    redis.call('XADD', KEYS[5], 'MAXLEN', '~', ${HISTORY}, '*', 'id', ARGV[3], 'record', ARGV[6])
  end
  redis.call('HDEL', KEYS[3], ARGV[3])
  redis.call('ZREM', KEYS[2], ARGV[3])
end
redis.call('XACK', KEYS[1], '${DISPATCHERS}', ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
return 1
`,
}

/** Moves an alert on after an attempt, or back where none was made. @throws ReplyError or a connection's Error */
export async function finish(
  redis: Connection,
  consumer: string,
  { partition, streamId, id, json, record }: Claim,
  outcome: Outcome,
  attempt?: Attempt,
): Promise<boolean> {
  const { outbox, retry, alerts, dead, delivered } = outboxNames(partition)
  const detail =
    outcome.state === 'retry' ? Math.round(outcome.delay) : outcome.state === 'dead' ? outcome.reason : ''
  const moved =
    record === undefined || attempt === undefined
      ? json
      : JSON.stringify({ ...record, attempts: [...record.attempts, attempt] })
  const reply = await run(
    redis,
    finishScript,
    [outbox, retry, alerts, dead, delivered],
    [consumer, streamId, id, outcome.state, detail, moved],
  )
  return reply === 1
}
