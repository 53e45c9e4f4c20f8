--- Makes an alert due now, for whichever dispatcher comes first.
---
--- KEYS  1 retry  2 alerts  3 dead  4 parked
--- ARGV  1 JSON:
---         id      text: the alert's
---         state   'dead' | 'waiting' | 'none': where it is now
---         entry   text: its entry in `dead`, or among the parked ones; absent: none
---         record  text: the alert's record, JSON
--- Reply 1 = due now, 0 = it is not there any more: somebody replayed, discarded or took it first

--- @include "proof"

local args = cjson.decode(ARGV[1])
local retry, alerts, dead, parked = unpack(KEYS)
local state = args.state

redis.call('ZCARD', parked)
local waiting = redis.call('ZSCORE', retry, args.id)
local stored = redis.call('HEXISTS', alerts, args.id) == 1
if state == 'waiting' and not waiting or state ~= 'waiting' and stored then
  return 0
end
if state == 'dead' and #redis.call('XRANGE', dead, args.entry, args.entry) == 0 then
  return 0
end
prove_zadd(retry)
prove_zrem(parked)
prove_xdel(dead)

-- From here on it writes.
redis.call('HSET', alerts, args.id, args.record)
redis.call('ZADD', retry, 0, args.id)
if state == 'dead' then
  redis.call('XDEL', dead, args.entry)
end
if state == 'waiting' and args.entry then
  redis.call('ZREM', parked, args.entry)
end
return 1
