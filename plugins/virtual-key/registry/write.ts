import type { KeyField, KeySettings } from '../../../schema/key.ts'
import { FORGET_AFTER } from '../metering/invented.ts'
import { windowsAt } from '../policy/window.ts'
import { indexName, keyName, noneName, partitionOf, schemaName, totalName } from '../redis/names.ts'
import { SCHEMA_VERSION, SchemaError } from '../redis/schema-version.ts'
import { type Connection, run, type Script } from '../redis/script.ts'
import { KEY_FIELDS, textOf } from './record.ts'

/** `create`: must not be there. `update`: must be there. `upsert`: either. */
export type WriteMode = 'create' | 'update' | 'upsert'
export type Written = 'created' | 'updated' | 'unchanged' | 'exists' | 'absent'

/**
 * KEYS 1 schema  2 key  3 index  4 none
 * ARGV 1 schema version that the caller writes  2 'create' | 'update' | 'upsert'  3 key id  4 now, milliseconds since 1970
 *      5… field, text
 * Reply 'created' | 'updated' | 'unchanged' | 'exists' | 'absent', or the schema's version where it is another one.
 *
 * It writes with HSET first; that it may call what follows it has tried before, on `none`, see termsLua. What was to be forgotten,
 * because the key was not registered, stays.
 */
export const writeKeyScript: Script = {
  name: 'vkWriteKey',
  lua: `
local version = tonumber(redis.call('HGET', KEYS[1], 'version') or 0)
if version ~= tonumber(ARGV[1]) then return version end
local registered = redis.call('HGET', KEYS[2], 'created_at')
if registered and ARGV[2] == 'create' then return 'exists' end
if not registered and ARGV[2] == 'update' then return 'absent' end
local changes = {}
local function change(field, text)
  changes[#changes + 1] = field
  changes[#changes + 1] = text
end
for i = 5, #ARGV, 2 do
  if (redis.call('HGET', KEYS[2], ARGV[i]) or '') ~= ARGV[i + 1] then change(ARGV[i], ARGV[i + 1]) end
end
if not registered then change('created_at', ARGV[4]) end
local indexed = redis.call('ZSCORE', KEYS[3], ARGV[3])
if not indexed then redis.call('ZADD', KEYS[4], 'XX', 0, 'x') end
if not registered then redis.call('PERSIST', KEYS[4]) end
if #changes > 0 then redis.call('HSET', KEYS[2], 'updated_at', ARGV[4], unpack(changes)) end
if not indexed then redis.call('ZADD', KEYS[3], 0, ARGV[3]) end
if not registered then redis.call('PERSIST', KEYS[2]) end
return not registered and 'created' or #changes > 0 and 'updated' or 'unchanged'
`,
}

/**
 * KEYS 1 schema  2 key  3 index  4 none  5… totals of the windows that are open
 * ARGV 1 schema version  2 key id  3 '1' = take the key out of the registry too  4… fields of a record
 * Reply the new epoch, -1 = there is no such key and the totals are as they were, or {the schema's version} where it is another one.
 *
 * The epoch stays behind: plugin servers remember counters by it, and a key of the same name that comes later starts anew. Of a key
 * that is not registered it is forgotten like everything else.
 */
export const resetKeyScript: Script = {
  name: 'vkResetKey',
  lua: `
local version = tonumber(redis.call('HGET', KEYS[1], 'version') or 0)
if version ~= tonumber(ARGV[1]) then return {version} end
local registered = redis.call('HGET', KEYS[2], 'created_at')
local known = registered or ARGV[3] ~= '1' and redis.call('EXISTS', KEYS[2], unpack(KEYS, 5)) > 0
if not known then return -1 end
local epoch = tonumber(redis.call('HGET', KEYS[2], 'epoch') or 0) + 1
local stays = registered and ARGV[3] ~= '1'
if ARGV[3] == '1' then
  redis.call('ZCARD', KEYS[3])
  redis.call('ZREM', KEYS[4], 'x')
  redis.call('HDEL', KEYS[4], 'x')
end
if not stays then redis.call('EXPIRE', KEYS[4], 1) end
redis.call('DEL', KEYS[4])
redis.call('HSET', KEYS[2], 'epoch', string.format('%.0f', epoch))
redis.call('DEL', unpack(KEYS, 5))
if ARGV[3] == '1' then
  redis.call('ZREM', KEYS[3], ARGV[2])
  redis.call('HDEL', KEYS[2], 'created_at', 'updated_at', unpack(ARGV, 4))
end
if not stays then redis.call('EXPIRE', KEYS[2], ${FORGET_AFTER}) end
return epoch
`,
}

/**
 * Writes settings of a key, as one step; fields that are not named stay. undefined as a value clears a field.
 * @param at milliseconds since 1970
 * @throws SchemaError where Redis holds another schema, ReplyError or a connection's Error
 */
export async function writeKey(
  redis: Connection,
  id: string,
  settings: { readonly [N in KeyField]?: KeySettings[N] | undefined },
  mode: WriteMode,
  at: number,
): Promise<Written> {
  const partition = partitionOf(id)
  const fields = (Object.keys(settings) as KeyField[]).flatMap((name) => [name, textOf(settings[name])])
  const reply = await run(
    redis,
    writeKeyScript,
    [schemaName(partition), keyName(id), indexName(partition), noneName(partition)],
    [SCHEMA_VERSION, mode, id, at, ...fields],
  )
  if (typeof reply === 'number') throw new SchemaError(reply)
  return reply as Written
}

/**
 * Starts a key anew: its totals at 0, every threshold armed. Settings stay, or go with `remove`.
 * @param at milliseconds since 1970
 * @returns the new epoch; undefined: there is no such key
 * @throws SchemaError, ReplyError or a connection's Error
 */
export async function resetKey(
  redis: Connection,
  id: string,
  at: number,
  { remove = false } = {},
): Promise<number | undefined> {
  const partition = partitionOf(id)
  const reply = await run(
    redis,
    resetKeyScript,
    [
      schemaName(partition),
      keyName(id),
      indexName(partition),
      noneName(partition),
      ...windowsAt(at).map(({ label }) => totalName(id, label)),
    ],
    [SCHEMA_VERSION, id, remove ? 1 : 0, ...KEY_FIELDS],
  )
  if (Array.isArray(reply)) throw new SchemaError(Number(reply[0]))
  return reply === -1 ? undefined : Number(reply)
}
