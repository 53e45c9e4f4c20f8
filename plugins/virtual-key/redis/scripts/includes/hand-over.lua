--- Hands alerts over to a consumer: {stream id, alert id, record} of each. No promise depends on it: what
--- fails here, a sweep finds.
--- start: as XREADGROUP has it, '>' = new alerts, '0' = those that the consumer holds already
local function hand_over(outbox, alerts, group, consumer, start, most)
  local function read()
    return redis.pcall('XREADGROUP', 'GROUP', group, consumer, 'COUNT', most, 'STREAMS', outbox, start)
  end
  local found = read()
  if found and found.err then
    redis.pcall('XGROUP', 'CREATE', outbox, group, '0', 'MKSTREAM')
    found = read()
  end
  local claims = {}
  for _, entry in ipairs(found and found[1] and found[1][2] or {}) do
    local id = entry[2] and entry[2][2]
    local record = id and redis.pcall('HGET', alerts, id)
    if type(record) == 'string' then
      claims[#claims + 1] = { entry[1], id, record }
    end
  end
  return claims
end
