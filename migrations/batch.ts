import {
  indexName,
  keyName,
  migrationLockName,
  migrationProgressName,
  noneName,
} from '../plugins/virtual-key/redis/names.ts'
import { type Connection, run, type Script } from '../plugins/virtual-key/redis/script.ts'
import { type Lock, LockLost } from './lock.ts'
import type { Step } from './step.ts'
import type { Page } from './walk.ts'

/**
 * KEYS 1 lock  2 progress  3 index  4 none  5… names of the records
 * ARGV 1 token  2 cursor to go on from  3… key ids
 * Reply number of records changed; -1 = the lock is lost and nothing was written.
 *
 * What has no `created_at`, or is no hash, is no record and stays as it is. The progress is written first, with HSET; that the script
 * may call what the step writes with it has tried before.
 */
export function batchScript({ name, lacks, change, trial = '' }: Step): Script {
  return {
    name: `vkMigrate_${name}`,
    lua: `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local index, none, lacking = KEYS[3], KEYS[4], {}
for i = 3, #ARGV do
  local id, record = ARGV[i], KEYS[i + 2]
  local created = redis.pcall('HGET', record, 'created_at')
  if type(created) == 'table' and not string.find(created.err, 'WRONGTYPE') then return created end
  if type(created) == 'string' and (${lacks}) then lacking[#lacking + 1] = i end
end
local looked = tonumber(redis.call('HGET', KEYS[2], 'looked') or 0) + #ARGV - 2
${trial}
redis.call('HSET', KEYS[2], 'cursor', ARGV[2], 'looked', looked)
for _, i in ipairs(lacking) do
  local id, record = ARGV[i], KEYS[i + 2]
  ${change}
end
return #lacking
`,
  }
}

/**
 * KEYS 1 index  2… names of the records
 * ARGV 1… key ids
 * Reply {the ids of records that the step would change}. Writes nothing.
 */
export function lackingScript({ name, lacks }: Step): Script {
  return {
    name: `vkLacking_${name}`,
    lua: `
local lacking = {}
local index = KEYS[1]
for i = 1, #ARGV do
  local id, record = ARGV[i], KEYS[i + 1]
  if redis.pcall('HEXISTS', record, 'created_at') == 1 and (${lacks}) then
    lacking[#lacking + 1] = id
  end
end
return lacking
`,
  }
}

/**
 * Applies a step to one page of records and keeps where to go on, as one step.
 * @returns number of records changed
 * @throws LockLost, ReplyError or a connection's Error
 */
export async function applyTo(
  redis: Connection,
  step: Step,
  partition: number,
  { ids, cursor }: Page,
  { token }: Lock,
): Promise<number> {
  const names = [
    migrationLockName(partition),
    migrationProgressName(partition),
    indexName(partition),
    noneName(partition),
    ...ids.map(keyName),
  ]
  const changed = await run(redis, batchScript(step), names, [token, cursor, ...ids])
  if (changed === -1) throw new LockLost()
  return Number(changed)
}

/** Ids of the records of one page that a step would change. @throws ReplyError or a connection's Error */
export async function lackingOf(
  redis: Connection,
  step: Step,
  partition: number,
  { ids }: Page,
): Promise<string[]> {
  const names = [indexName(partition), ...ids.map(keyName)]
  return (await run(redis, lackingScript(step), names, ids)) as string[]
}
