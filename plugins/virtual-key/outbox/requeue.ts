import { outboxNames } from '../redis/names.ts'
import { type Connection, run, type Script } from '../redis/script.ts'
import { PROOF } from './proof-lua.ts'
import type { AlertRecord } from './record.ts'

/**
 * KEYS 1 retry  2 alerts  3 dead  4 parked
 * ARGV 1 alert id  2 'dead' | 'waiting' | 'none' = where it is now  3 its entry in `dead`, or among the parked ones; empty = none
 *      4 the record's JSON
 * Reply 1 = due now, 0 = it is not there any more: somebody replayed, discarded or took it first.
 */
export const requeueScript: Script = {
  name: 'vkRequeue',
  lua: `
${PROOF}
redis.call('ZCARD', KEYS[4])
local waiting = redis.call('ZSCORE', KEYS[1], ARGV[1])
local stored = redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1
if ARGV[2] == 'waiting' and not waiting or ARGV[2] ~= 'waiting' and stored then return 0 end
if ARGV[2] == 'dead' and #redis.call('XRANGE', KEYS[3], ARGV[3], ARGV[3]) == 0 then return 0 end
prove_zadd(KEYS[1])
prove_zrem(KEYS[4])
prove_xdel(KEYS[3])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[4])
redis.call('ZADD', KEYS[1], 0, ARGV[1])
if ARGV[2] == 'dead' then redis.call('XDEL', KEYS[3], ARGV[3]) end
if ARGV[2] == 'waiting' and ARGV[3] ~= '' then redis.call('ZREM', KEYS[4], ARGV[3]) end
return 1
`,
}

/** Where an alert is that is to be sent: nowhere, or a state of `Surveyed` with its entry, if it has one. */
export type Whereabouts =
  | { readonly state: 'none' }
  | { readonly state: 'dead' | 'waiting'; readonly entry?: string }

/**
 * Makes an alert due now, for whichever dispatcher comes first.
 * @returns false: it is not where it was
 * @throws ReplyError or a connection's Error
 */
export async function requeue(
  redis: Connection,
  partition: number,
  id: string,
  record: AlertRecord,
  from: Whereabouts,
): Promise<boolean> {
  const { retry, alerts, dead, parked } = outboxNames(partition)
  const entry = from.state === 'none' ? '' : (from.entry ?? '')
  const reply = await run(
    redis,
    requeueScript,
    [retry, alerts, dead, parked],
    [id, from.state, entry, JSON.stringify(record)],
  )
  return reply === 1
}
