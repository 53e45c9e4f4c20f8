import { DISPATCHERS, outboxNames } from '../redis/names.ts'
import { type Connection, run, type Script } from '../redis/script.ts'

/** A process that has not been heard of for this long is gone. Unit: milliseconds. */
const GONE = 3_600_000

/**
 * KEYS 1 outbox
 * ARGV 1 milliseconds after which a silent consumer is gone
 * Reply number of consumers removed.
 *
 * Every process is a consumer of its own, and Redis keeps them for ever. One that still holds alerts stays: with it they would go.
 */
export const removeIdleConsumersScript: Script = {
  name: 'vkRemoveIdleConsumers',
  lua: `
local removed = 0
local consumers = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], '${DISPATCHERS}')
if consumers.err then
  local nobody = string.find(consumers.err, 'NOGROUP', 1, true) or string.find(consumers.err, 'no such key', 1, true)
  return nobody and removed or consumers
end
for _, fields in ipairs(consumers) do
  local consumer = {}
  for i = 1, #fields, 2 do consumer[fields[i]] = fields[i + 1] end
  if consumer.pending == 0 and consumer.idle > tonumber(ARGV[1]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], '${DISPATCHERS}', consumer.name)
    removed = removed + 1
  end
end
return removed
`,
}

/** Forgets processes that are gone. Unit of `gone`: milliseconds. @throws ReplyError or a connection's Error */
export async function removeIdleConsumers(
  redis: Connection,
  partition: number,
  gone = GONE,
): Promise<number> {
  return (await run(redis, removeIdleConsumersScript, [outboxNames(partition).outbox], [gone])) as number
}
