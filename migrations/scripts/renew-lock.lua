--- KEYS  1 lock
--- ARGV  1 JSON: token  text; expiry  milliseconds until it expires
--- Reply 1 = renewed, 0 = another process holds it, or none does

local args = cjson.decode(ARGV[1])
local lock = KEYS[1]

if redis.call('GET', lock) ~= args.token then
  return 0
end
return redis.call('PEXPIRE', lock, args.expiry)
