import { DISPATCHERS, outboxNames } from '../redis/names.ts'
import { type Connection, run, type Script } from '../redis/script.ts'
import type { Claim } from './claim.ts'
import { ENDED } from './ended.ts'

/**
 * `mine`: nobody else takes it for another lease. `lost`: Redis has lost it (a flush, a failover to older data), so that nobody
 * else can have it either. `theirs`: another process has it, or had it and has ended it.
 */
export type Hold = 'mine' | 'lost' | 'theirs'

/**
 * KEYS 1 outbox  2 alerts  3 dead  4 delivered
 * ARGV 1 consumer  2… stream id and alert id of each claim
 * Reply 'mine' | 'lost' | 'theirs' for each.
 */
export const renewScript: Script = {
  name: 'vkRenew',
  lua: `
${ENDED}
local holds = {}
redis.call('HLEN', KEYS[2])
for i = 2, #ARGV, 2 do
  local pending = redis.pcall('XPENDING', KEYS[1], '${DISPATCHERS}', ARGV[i], ARGV[i], 1)
  if pending.err and not string.find(pending.err, 'NOGROUP', 1, true) then return pending end
  local hold = 'theirs'
  if pending[1] and pending[1][2] == ARGV[1] then
    redis.call('XCLAIM', KEYS[1], '${DISPATCHERS}', ARGV[1], 0, ARGV[i], 'JUSTID')
    hold = 'mine'
  elseif redis.call('HEXISTS', KEYS[2], ARGV[i + 1]) == 0 and not ended(KEYS[3], KEYS[4], ARGV[i], ARGV[i + 1]) then
    hold = 'lost'
  end
  holds[#holds + 1] = hold
end
return holds
`,
}

/** Keeps claims of one partition from running out. Answers in their order. @throws ReplyError or a connection's Error */
export async function renew(
  redis: Connection,
  partition: number,
  consumer: string,
  claims: readonly Claim[],
): Promise<Hold[]> {
  const { outbox, alerts, dead, delivered } = outboxNames(partition)
  const entries = claims.flatMap(({ streamId, id }) => [streamId, id])
  return (await run(redis, renewScript, [outbox, alerts, dead, delivered], [consumer, ...entries])) as Hold[]
}
