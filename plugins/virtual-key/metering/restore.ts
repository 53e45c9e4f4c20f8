import { LINGER } from '../policy/key-policy.ts'
import { generationLua, KEEP_GENERATION_LUA, SAME_LOSS } from '../redis/generation.ts'
import { CLOCK_LUA, exact } from '../redis/lua-text.ts'
import { keyName, noneName, schemaName } from '../redis/names.ts'
import { SCHEMA_VERSION, SchemaError } from '../redis/schema-version.ts'
import { type Connection, run, type Script } from '../redis/script.ts'
import type { CounterState } from './counter-snapshots.ts'
import { FORGET_AFTER } from './invented.ts'

/**
 * KEYS 1 schema  2 none  3… key and total of each counter
 * ARGV 1 newest schema that the caller knows  2 generation that the caller knows
 *      3… of each counter: epoch and total that the caller last saw, and seconds since 1970 at which it expires (0 = never)
 * Reply {'schema', version} | {generation, number of counters put back}
 *
 * Puts back what Redis has lost of counters, and never takes anything away: the greatest of what all processes know stands. That
 * there was a loss is written down with its time: the partition has another generation, or a counter is less than it was.
 */
export const restoreScript: Script = {
  name: 'vkRestore',
  lua: `
local schema = redis.call('HMGET', KEYS[1], 'version', 'generation', 'lost')
local version = tonumber(schema[1] or 0)
if version > tonumber(ARGV[1]) then return {'schema', version} end
local clock, seconds
${CLOCK_LUA}
local generation = schema[2]
${generationLua('ARGV[2]')}
local behind = {}
for i = 3, #KEYS, 2 do
  local argument = 3 + (i - 3) / 2 * 3
  local epoch, total, expires = tonumber(ARGV[argument]), tonumber(ARGV[argument + 1]), tonumber(ARGV[argument + 2])
  local values = redis.call('HMGET', KEYS[i], 'epoch', 'created_at')
  local stored_epoch = tonumber(values[1] or 0) + 0
  local stored = tonumber(redis.call('GET', KEYS[i + 1]) or 0) + 0
  local over = expires > 0 and expires <= seconds
  if not over and (epoch > stored_epoch or epoch == stored_epoch and total > stored) then
    behind[#behind + 1] = {i, epoch, total, expires, epoch > stored_epoch, values[2]}
  end
end
if #behind > 0 and not lost and seconds * 1000 - tonumber(schema[3] or 0) > ${SAME_LOSS} then lost = clock end
if #behind > 0 then
  redis.call('EXPIRE', KEYS[2], 1)
  redis.call('SET', KEYS[2], '', 'XX')
end
${KEEP_GENERATION_LUA}
for _, counter in ipairs(behind) do
  if counter[5] then redis.call('HSET', KEYS[counter[1]], 'epoch', ${exact('counter[2]')}) end
end
for _, counter in ipairs(behind) do
  local name, total, expires, registered = KEYS[counter[1] + 1], ${exact('counter[3]')}, counter[4], counter[6]
  if expires > 0 then
    redis.call('SET', name, total, 'EXAT', math.max(expires, seconds + ${LINGER}))
  elseif registered then
    redis.call('SET', name, total)
  else
    redis.call('SET', name, total, 'EX', ${FORGET_AFTER})
  end
  if counter[5] and not registered then redis.call('EXPIRE', KEYS[counter[1]], ${FORGET_AFTER}) end
end
return {generation, #behind}
`,
}

export interface Restored {
  readonly generation: string
  /** Counters that Redis had lost, wholly or their newest tokens. */
  readonly counters: number
}

/**
 * Puts back what this process knows of counters of one partition.
 * @param generation that this process knows @param totals by their names; few enough for one step
 * @throws SchemaError, ReplyError or a connection's Error: nothing was changed, or the reply was lost
 */
export async function restore(
  redis: Connection,
  partition: number,
  generation: string,
  totals: ReadonlyArray<readonly [name: string, known: CounterState]>,
): Promise<Restored> {
  const names = totals.flatMap(([name, { keyId }]) => [keyName(keyId), name])
  const states = totals.flatMap(([, { epoch, total, end }]) => [
    epoch,
    total,
    end === undefined ? 0 : Math.ceil(end / 1000) + LINGER,
  ])
  const reply = (await run(
    redis,
    restoreScript,
    [schemaName(partition), noneName(partition), ...names],
    [SCHEMA_VERSION, generation, ...states],
  )) as [generation: string, counters: number]
  const [found, counters] = reply
  if (found === 'schema') throw new SchemaError(counters)
  return { generation: found, counters }
}
