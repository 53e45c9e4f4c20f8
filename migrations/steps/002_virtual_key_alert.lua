--- Gives every record a threshold and a webhook of its own; '' = not set, the plugin's configuration stands.

local function lacks(_, record)
  return redis.call('HEXISTS', record, 'alert_threshold') + redis.call('HEXISTS', record, 'alert_webhook') < 2
end

--- It writes with HSET alone, which the script has proven by then.
local function try() end

local function change(_, record)
  local threshold, webhook = redis.call('HGET', record, 'alert_threshold'), redis.call('HGET', record, 'alert_webhook')
  redis.call('HSET', record, 'alert_threshold', threshold or '', 'alert_webhook', webhook or '')
end
