--- Moves an alert on after an attempt, or back where none was made: what became of it decides, see outcome.ts.
---
--- KEYS  1 outbox  2 retry  3 alerts  4 dead  5 delivered  6 parked
--- ARGV  1 JSON:
---         consumer   text
---         group      text: the consumer group of the outbox
---         stream_id  text: the alert's entry in the outbox
---         id         text: the alert's
---         state      'delivered' | 'retry' | 'dead' | 'parked'
---         delay      milliseconds until it is due again; with retry and parked
---         reason     text; with dead
---         record     text: the alert's record as it is now, JSON
---         unpark     text: its entry among the parked ones from before; absent: none
---         park       text: its entry among the parked ones from now on; absent: none
--- Reply 1 = done, 0 = it was done before, or another process owns the alert, which decides now
---
--- A delivery is written down whoever owns the alert: the receiver has it, so another attempt could only repeat it. An alert that
--- Redis has lost meanwhile (flush, failover to older data) is put back: this process still knows it.

--- @include "clock"
--- @include "ended"
--- @include "pending"
--- @include "proof"

--- Delivered records kept in each partition, as history for people.
local HISTORY = 500

local args = cjson.decode(ARGV[1])
local outbox, retry, alerts, dead, delivered, parked = unpack(KEYS)
local id, state, stream_id = args.id, args.state, args.stream_id
local now = read_clock()

local mine, failed = owned_by(outbox, args.group, args.consumer, stream_id)
if failed then
  return failed
end
local stored = redis.call('HEXISTS', alerts, id) == 1
if not mine and stored and state ~= 'delivered' then
  return 0
end
if not mine and not stored and ended(dead, delivered, stream_id, id) then
  return 0
end
redis.call('ZCARD', retry)
redis.call('XLEN', dead)
redis.call('XLEN', delivered)
local newest = redis.call('ZREVRANGE', parked, 0, 0, 'WITHSCORES')
prove_zrem(retry)
prove_xack(outbox)
prove_xdel(outbox)

if state == 'retry' or state == 'parked' then
  prove_zadd(retry)
  -- From here on it writes.
  redis.call('HSET', alerts, id, args.record)
  redis.call('ZADD', retry, now + args.delay, id)
else
  prove_hdel(alerts)
  -- From here on it writes.
  if state == 'dead' then
    redis.call('XADD', dead, '*', 'id', id, 'reason', args.reason, 'record', args.record)
  else
    redis.call('XADD', delivered, 'MAXLEN', '~', HISTORY, '*', 'id', id, 'record', args.record)
  end
  redis.call('HDEL', alerts, id)
  redis.call('ZREM', retry, id)
end
if args.unpark then
  redis.call('ZREM', parked, args.unpark)
end
if args.park then
  redis.call('ZADD', parked, math.max(now, (tonumber(newest[2]) or 0) + 1), args.park)
end
redis.call('XACK', outbox, args.group, stream_id)
redis.call('XDEL', outbox, stream_id)
return 1
