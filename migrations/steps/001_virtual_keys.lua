--- Adds every record to the index of its partition: records can be older than the index, or restored from elsewhere.

local function lacks(index, _, id)
  return not redis.call('ZSCORE', index, id)
end

local function try(index, none)
  redis.call('ZCARD', index)
  redis.call('ZADD', none, 'XX', 0, 'x')
end

local function change(index, _, id)
  redis.call('ZADD', index, 0, id)
end
