import { DISPATCHERS, outboxNames } from '../keys.ts'
import { type Connection, run, type Script } from '../ledger/script.ts'
import type { Claim } from './claim.ts'
import type { Outcome } from './outcome.ts'
import type { Attempt } from './record.ts'

/** Delivered records kept in each partition, as history for people. */
const HISTORY = 500

/**
 * KEYS 1 outbox  2 retry  3 alerts  4 dead  5 delivered
 * ARGV 1 consumer  2 stream id  3 alert id  4 'delivered' | 'retry' | 'dead'  5 milliseconds to wait (retry) or reason (dead)
 *      6 the record's JSON with the new attempt
 * Reply 1 = done, 0 = the claim had gone to another process, which decides now.
 *
 * A delivery is taken off whoever owns it: the receiver has it, so another attempt could only repeat it.
 */
export const finishScript: Script = {
  name: 'vkFinish',
  numberOfKeys: 5,
  lua: `
local pending = redis.pcall('XPENDING', KEYS[1], '${DISPATCHERS}', ARGV[2], ARGV[2], 1)
if ARGV[4] ~= 'delivered' and not (pending[1] and pending[1][2] == ARGV[1]) then return 0 end
redis.call('XACK', KEYS[1], '${DISPATCHERS}', ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
if ARGV[4] == 'retry' then
  local time = redis.call('TIME')
  redis.call('HSET', KEYS[3], ARGV[3], ARGV[6])
  redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[5], ARGV[3])
  return 1
end
if redis.call('HDEL', KEYS[3], ARGV[3]) == 0 then return 0 end
redis.call('ZREM', KEYS[2], ARGV[3])
if ARGV[4] == 'dead' then
  redis.call('XADD', KEYS[4], '*', 'id', ARGV[3], 'reason', ARGV[5], 'record', ARGV[6])
else
  redis.call('XADD', KEYS[5], 'MAXLEN', '~', ${HISTORY}, '*', 'id', ARGV[3], 'record', ARGV[6])
end
return 1
`,
}

/** Moves an alert on after an attempt, or back where none was made. @throws ReplyError or a connection's Error */
export async function finish(
  redis: Connection,
  consumer: string,
  { partition, streamId, id, record }: Claim,
  outcome: Outcome,
  attempt: Attempt | undefined,
): Promise<boolean> {
  const { outbox, retry, alerts, dead, delivered } = outboxNames(partition)
  const attempts = attempt === undefined ? record.attempts : [...record.attempts, attempt]
  const detail =
    outcome.state === 'retry' ? Math.round(outcome.delay) : outcome.state === 'dead' ? outcome.reason : ''
  const reply = await run(
    redis,
    finishScript,
    [outbox, retry, alerts, dead, delivered],
    [consumer, streamId, id, outcome.state, detail, JSON.stringify({ ...record, attempts })],
  )
  return reply === 1
}
