--- KEYS  1 lock
--- ARGV  1 JSON: token  text
--- Reply 1 = released, 0 = another process held it, or none did

local args = cjson.decode(ARGV[1])
local lock = KEYS[1]

if redis.call('GET', lock) ~= args.token then
  return 0
end
return redis.call('DEL', lock)
