--- Writes settings of a key to its record; fields that are not named stay.
---
--- KEYS  1 schema  2 key  3 index  4 none
--- ARGV  1 JSON:
---         schema  the schema that the caller writes
---         mode    'create' | 'update' | 'upsert'
---         id      text: the key's
---         now     milliseconds since 1970
---         fields  list of {name, text}
--- Reply 'created' | 'updated' | 'unchanged' | 'exists' | 'absent', or the schema's version where it is another one
---
--- It writes with HSET first; that it may call what follows it has tried before, on `none`, see policy.lua. What was to be forgotten,
--- because the key was not registered, stays.

--- @include "numbers"

local args = cjson.decode(ARGV[1])
local schema, key, index, none = unpack(KEYS)

local version = tonumber(redis.call('HGET', schema, 'version') or 0)
if version ~= args.schema then
  return version
end
local registered = redis.call('HGET', key, 'created_at')
if registered and args.mode == 'create' then
  return 'exists'
end
if not registered and args.mode == 'update' then
  return 'absent'
end
local changes = {}
local function change(name, text)
  changes[#changes + 1] = name
  changes[#changes + 1] = text
end
for _, field in ipairs(args.fields) do
  if (redis.call('HGET', key, field.name) or '') ~= field.text then
    change(field.name, field.text)
  end
end
local now = exact(args.now)
if not registered then
  change('created_at', now)
end
local indexed = redis.call('ZSCORE', index, args.id)
if not indexed then
  redis.call('ZADD', none, 'XX', 0, 'x')
end
if not registered then
  redis.call('PERSIST', none)
end

-- From here on it writes.
if #changes > 0 then
  redis.call('HSET', key, 'updated_at', now, unpack(changes))
end
if not indexed then
  redis.call('ZADD', index, 0, args.id)
end
if not registered then
  redis.call('PERSIST', key)
end
return not registered and 'created' or #changes > 0 and 'updated' or 'unchanged'
