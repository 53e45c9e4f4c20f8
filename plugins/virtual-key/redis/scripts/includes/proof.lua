--- Redis does not undo what a script wrote before it failed, so a script finds out first whether its user may run every command that
--- it is going to write with, and whether every key is of its type. Each of these calls changes nothing: no alert has an empty id, no
--- entry of a stream the id 0-0, and no group such a name. Whatever cannot be proven in this way is the first write.

local function prove_zadd(key)
  redis.call('ZADD', key, 'XX', 0, '')
end

local function prove_zrem(key)
  redis.call('ZREM', key, '')
end

local function prove_hdel(key)
  redis.call('HDEL', key, '')
end

local function prove_xdel(key)
  redis.call('XDEL', key, '0-0')
end

local function prove_xack(key)
  redis.call('XACK', key, '-', '0-0')
end

--- Fails unless the reply is the error that a permitted command ends with.
local function expect(part, reply)
  if not (reply.err and string.find(reply.err, part, 1, true)) then
    error(reply.err, 0)
  end
end

local function prove_xadd(key)
  expect('0-0', redis.pcall('XADD', key, 'NOMKSTREAM', '0-0', 'id', ''))
end

local function prove_xautoclaim(key)
  expect('NOGROUP', redis.pcall('XAUTOCLAIM', key, '-', '-', 0, '0-0'))
end

local function prove_xreadgroup(key)
  expect('NOGROUP', redis.pcall('XREADGROUP', 'GROUP', '-', '-', 'STREAMS', key, '>'))
end
