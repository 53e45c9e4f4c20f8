--- Removes consumers of processes that are gone. Every process is a consumer of its own, and Redis keeps them for ever. One that still
--- owns alerts stays: its alerts would go with it.
---
--- KEYS  1 outbox
--- ARGV  1 JSON:
---         group  text: the consumer group of the outbox
---         gone   milliseconds after which a silent consumer is gone
--- Reply number of consumers removed

local args = cjson.decode(ARGV[1])
local outbox = KEYS[1]

local removed = 0
local consumers = redis.pcall('XINFO', 'CONSUMERS', outbox, args.group)
if consumers.err then
  local nobody = string.find(consumers.err, 'NOGROUP', 1, true) or string.find(consumers.err, 'no such key', 1, true)
  return nobody and removed or consumers
end
for _, fields in ipairs(consumers) do
  local consumer = {}
  for i = 1, #fields, 2 do
    consumer[fields[i]] = fields[i + 1]
  end
  if consumer.pending == 0 and consumer.idle > args.gone then
    redis.call('XGROUP', 'DELCONSUMER', outbox, args.group, consumer.name)
    removed = removed + 1
  end
end
return removed
