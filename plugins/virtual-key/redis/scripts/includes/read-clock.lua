-- As clock.lua, without a function: `clock` and `seconds` are set unless they are already.
if not clock then
  local time = redis.call('TIME')
  seconds = time[1] + 0
  clock = seconds * 1000 + math.floor(time[2] / 1000)
end
