--- Marks a step as applied in one partition, and forgets its progress.
---
--- KEYS  1 lock  2 schema  3 progress  4 none
--- ARGV  1 JSON:
---         token   text: of the lock
---         number  of the step
---         name    text: of the step
---         now     milliseconds since 1970
--- Reply 'applied' | 'lost' = another process has the lock | the schema's version, if it is not the one before the step

local args = cjson.decode(ARGV[1])
local lock, schema, progress, none = unpack(KEYS)

if redis.call('GET', lock) ~= args.token then
  return 'lost'
end
local version = tonumber(redis.call('HGET', schema, 'version') or 0)
if version ~= args.number - 1 then
  return version
end
-- Fails before anything is written, if the user may not call it.
redis.call('DEL', none)
redis.call('HSET', schema, 'version', args.number, args.name, string.format('%.0f', args.now))
redis.call('DEL', progress)
return 'applied'
