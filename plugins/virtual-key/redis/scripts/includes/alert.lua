--- `alert`: the second argument of settle.lua and admit.lua, decoded only where there is something to alert of.
---   key_id    text
---   consumer  text: the dispatcher that takes over new alerts
---   group     text: the consumer group of the outbox
---   record    text: the alert's record as JSON, without its URL, its payload and the closing brace
---   url       text: the configuration's webhook as JSON; absent: it has none
---   payload   the texts around the numbers that only the script knows, by name; absent: the service's label is not known yet
--- Needs record_webhook. Sets alert, and url: the webhook as JSON; nil: there is none.
alert = cjson.decode(ARGV[2])
url = record_webhook and cjson.encode(record_webhook) or alert.url
