-- Writes down, by HSET alone, what generation.lua has found.
if born then
  redis.call('HSET', schema_name, 'generation', generation)
end
if lost then
  redis.call('HSET', schema_name, 'lost', string.format('%.0f', lost))
end
