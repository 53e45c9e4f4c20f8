--- Puts every record into the index of its partition: those restored from elsewhere, or written before there was an index.

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
