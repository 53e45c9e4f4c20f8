--- Starts a key anew: a new epoch, its counters at 0, every threshold armed.
---
--- KEYS  1 schema  2 key  3 index  4 none, then the counters of the windows that are open
--- ARGV  1 JSON:
---         schema  the schema that the caller writes
---         id      text: the key's
---         remove  list of the fields of a record: the key is taken out of the registry too; absent: it stays
--- Reply the new epoch; -1 = there is no such key and the counters are as they were; {the schema's version} where it is another one
---
--- The epoch stays behind: plugin servers remember counters by it, and a key of the same name that comes later starts anew. Of a key
--- that is not registered it is forgotten like everything else.

--- @include "numbers"
--- @include "lifetimes"

local args = cjson.decode(ARGV[1])
local schema, key, index, none = unpack(KEYS)
local remove = args.remove

local version = tonumber(redis.call('HGET', schema, 'version') or 0)
if version ~= args.schema then
  return { version }
end
local registered = redis.call('HGET', key, 'created_at')
local known = registered or not remove and redis.call('EXISTS', key, unpack(KEYS, 5)) > 0
if not known then
  return -1
end
local epoch = tonumber(redis.call('HGET', key, 'epoch') or 0) + 1
local stays = registered and not remove
if remove then
  redis.call('ZCARD', index)
  redis.call('ZREM', none, 'x')
  redis.call('HDEL', none, 'x')
end
if not stays then
  redis.call('EXPIRE', none, 1)
end
redis.call('DEL', none)

-- From here on it writes.
redis.call('HSET', key, 'epoch', exact(epoch))
redis.call('DEL', unpack(KEYS, 5))
if remove then
  redis.call('ZREM', index, args.id)
  redis.call('HDEL', key, 'created_at', 'updated_at', unpack(remove))
end
if not stays then
  redis.call('EXPIRE', key, FORGET_AFTER)
end
return epoch
