--- Whether the consumer owns an entry of the outbox. The second result is an error of Redis, which the script has to return.
local function owned_by(outbox, group, consumer, stream_id)
  local pending = redis.pcall('XPENDING', outbox, group, stream_id, stream_id, 1)
  if pending.err and not string.find(pending.err, 'NOGROUP', 1, true) then
    return false, pending
  end
  return pending[1] and pending[1][2] == consumer
end
