--- Appends an alert to the outbox, by HSET and XADD. Needs outbox_name and alerts_name.
local function append_alert(id, record, url, payload)
  local text = record .. ',"url":' .. url .. ',"payload":' .. cjson.encode(payload) .. '}'
  redis.call('HSET', alerts_name, id, text)
  redis.call('XADD', outbox_name, '*', 'id', id)
end
