--- Adds a threshold and a webhook to every record; '' = not set, so the plugin's configuration applies.

local function lacks(_, record)
  return redis.call('HEXISTS', record, 'alert_threshold') + redis.call('HEXISTS', record, 'alert_webhook') < 2
end

--- It writes with HSET alone, which the script has already called by then.
local function try() end

local function change(_, record)
  local threshold, webhook = redis.call('HGET', record, 'alert_threshold'), redis.call('HGET', record, 'alert_webhook')
  redis.call('HSET', record, 'alert_threshold', threshold or '', 'alert_webhook', webhook or '')
end
