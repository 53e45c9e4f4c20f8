--- Takes an alert that waits or is dead out of Redis, undelivered.
---
--- KEYS  1 retry  2 alerts  3 dead  4 parked
--- ARGV  1 JSON:
---         id     text: the alert's
---         state  'dead' | 'waiting': where it is now
---         entry  text: its entry in `dead`, or among the parked ones; absent: none
--- Reply 1 = it is gone, 0 = it is not there any more: somebody replayed, discarded or took it first

--- @include "proof"

local args = cjson.decode(ARGV[1])
local retry, alerts, dead, parked = unpack(KEYS)

if args.state == 'dead' then
  return redis.call('XDEL', dead, args.entry)
end
prove_hdel(alerts)
prove_zrem(parked)

-- From here on it writes.
if redis.call('ZREM', retry, args.id) == 0 then
  return 0
end
redis.call('HDEL', alerts, args.id)
if args.entry then
  redis.call('ZREM', parked, args.entry)
end
return 1
