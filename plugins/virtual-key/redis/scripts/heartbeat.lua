--- Writes a process's sign of life, with the time by Redis's clock.
---
--- KEYS  1 processes
--- ARGV  1 JSON:
---         process  text: its id
---         sign     text: what it says of itself, JSON
--- Reply 1 = the first one of this process, else 0

--- @include "clock"
--- @include "numbers"

local args = cjson.decode(ARGV[1])
local now = read_clock()
return redis.call('HSET', KEYS[1], args.process, exact(now) .. ' ' .. args.sign)
