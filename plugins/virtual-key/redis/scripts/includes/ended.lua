--- Whether an alert was delivered or dead-lettered since it was added to the outbox. Stream ids are times by Redis's clock, so only later
--- entries are looked at; that is done only for an alert that is nowhere else.
local function ended(dead, delivered, stream_id, id)
  for _, stream in ipairs({ delivered, dead }) do
    for _, entry in ipairs(redis.call('XRANGE', stream, stream_id, '+')) do
      if entry[2][2] == id then
        return true
      end
    end
  end
  return false
end
