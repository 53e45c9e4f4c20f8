--- The time by Redis's clock, so that gateways need not agree on theirs: milliseconds since 1970, and the same in whole seconds.
local function read_clock()
  local time = redis.call('TIME')
  local seconds = time[1] + 0
  return seconds * 1000 + math.floor(time[2] / 1000), seconds
end
