--- A partition's data has a random generation, which goes into the ids of its alerts: what is made after Redis was flushed never
--- repeats an id of before. A process that knows another generation than Redis has, or finds none where it knows one, has found a
--- loss. It then sends what it last saw of the counters (restore.lua), and until every process has had the time for that, nobody
--- judges whether a threshold is crossed: a process that saw it crossed before may not have said so yet.
---
--- Needs   schema_name, schema (its fields: 2 = generation), clock, seconds (nil: not read yet), and known_generation: the one that
---         the caller knows, or '+' and the one to begin with where there is none
--- Leaves  generation  as it should be
---         news        the generation where it is not the one that the caller knows; else empty
---         born        there was none
---         lost        milliseconds since 1970: a loss that nobody has written down yet
local generation, news, born, lost = schema[2], '', false, nil
if generation ~= known_generation then
  local knows_none = string.sub(known_generation, 1, 1) == '+'
  born = not generation
  if not knows_none and (born or not redis.call('HGET', schema_name, 'lost')) then
    --- @include "read-clock"
    lost = clock
  end
  if born then
    generation = knows_none and string.sub(known_generation, 2)
      or string.sub(redis.sha1hex(known_generation .. ' ' .. string.format('%.0f', lost)), 1, 16)
  end
  news = generation
end
