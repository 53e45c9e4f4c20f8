import { outboxNames } from '../keys.ts'
import { type Connection, run, type Script } from '../ledger/script.ts'
import type { AlertRecord } from './record.ts'

/**
 * KEYS 1 retry  2 alerts  3 dead
 * ARGV 1 alert id  2 its entry in `dead`; empty = it is not there  3 the record's JSON
 * Reply 1 = due now, 0 = somebody replayed or removed it first.
 */
export const requeueScript: Script = {
  name: 'vkRequeue',
  lua: `
if ARGV[2] ~= '' and redis.call('XDEL', KEYS[3], ARGV[2]) == 0 then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('ZADD', KEYS[1], 0, ARGV[1])
return 1
`,
}

/**
 * Makes an alert due now, for whichever dispatcher comes first.
 * @param deadEntry takes it off the dead ones @throws ReplyError or a connection's Error
 */
export async function requeue(
  redis: Connection,
  partition: number,
  id: string,
  record: AlertRecord,
  deadEntry = '',
): Promise<boolean> {
  const { retry, alerts, dead } = outboxNames(partition)
  const reply = await run(
    redis,
    requeueScript,
    [retry, alerts, dead],
    [id, deadEntry, JSON.stringify(record)],
  )
  return reply === 1
}
