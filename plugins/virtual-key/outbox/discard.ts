import { outboxNames } from '../redis/names.ts'
import { type Connection, run, type Script } from '../redis/script.ts'
import { PROOF } from './proof-lua.ts'

/**
 * KEYS 1 retry  2 alerts  3 dead  4 parked
 * ARGV 1 alert id  2 'dead' | 'waiting' = where it is now  3 its entry in `dead`, or among the parked ones; empty = none
 * Reply 1 = it is gone, 0 = it is not there any more: somebody replayed, discarded or took it first.
 */
export const discardScript: Script = {
  name: 'vkDiscard',
  lua: `
${PROOF}
if ARGV[2] == 'dead' then return redis.call('XDEL', KEYS[3], ARGV[3]) end
prove_hdel(KEYS[2])
prove_zrem(KEYS[4])
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1])
if ARGV[3] ~= '' then redis.call('ZREM', KEYS[4], ARGV[3]) end
return 1
`,
}

/**
 * Takes an alert that waits or is dead out of Redis, undelivered. One that is being delivered is no dispatcher's to lose.
 * @returns false: it is not where it was
 * @throws ReplyError or a connection's Error
 */
export async function discard(
  redis: Connection,
  partition: number,
  id: string,
  state: 'dead' | 'waiting',
  entry = '',
): Promise<boolean> {
  const { retry, alerts, dead, parked } = outboxNames(partition)
  return (await run(redis, discardScript, [retry, alerts, dead, parked], [id, state, entry])) === 1
}
