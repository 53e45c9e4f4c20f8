--- Forgets processes that are gone.
---
--- KEYS  1 processes
--- ARGV  1 JSON:
---         lasts  milliseconds that a silent process is remembered
---         most   processes to remember; those silent for longest are forgotten first
--- Reply number of processes forgotten

--- @include "clock"

--- Processes forgotten in one step.
local MOST_FORGOTTEN = 1000

local args = cjson.decode(ARGV[1])
local processes = KEYS[1]
local now = read_clock()

local signs = {}
local all = redis.call('HGETALL', processes)
for i = 1, #all, 2 do
  signs[#signs + 1] = { id = all[i], at = tonumber(string.match(all[i + 1], '^%d+') or 0) }
end
table.sort(signs, function(one, other)
  return one.at > other.at
end)
local forgotten = {}
for i, sign in ipairs(signs) do
  local old = i > args.most or now - sign.at > args.lasts
  if old and #forgotten < MOST_FORGOTTEN then
    forgotten[#forgotten + 1] = sign.id
  end
end
if #forgotten == 0 then
  return 0
end
return redis.call('HDEL', processes, unpack(forgotten))
