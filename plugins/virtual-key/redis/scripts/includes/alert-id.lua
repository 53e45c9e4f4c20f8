--- The id of an alert: the same crossing has the same id for ever.
local function alert_id(generation, key_id, window_label, epoch, what)
  local parts = { generation, key_id, window_label, string.format('%.0f', epoch), what }
  return 'vk_' .. redis.sha1hex(table.concat(parts, '\n'))
end
