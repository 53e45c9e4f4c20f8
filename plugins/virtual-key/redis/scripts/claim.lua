--- Takes over what one partition has to deliver.
---
--- KEYS  1 outbox  2 retry  3 alerts  4 parked
--- ARGV  1 JSON:
---         consumer  text
---         group     text: the consumer group of the outbox
---         lease     milliseconds after which an owner counts as dead; 0: alerts of other owners are left alone
---         most      alerts to take of each sort
--- Reply {now, mark, claims}: milliseconds since 1970 by Redis's clock; the newest mark among the parked alerts, '' = none is parked; and
---       {stream id, alert id, record} of each alert whose owner died, then of those due for a retry, then of new ones
---
--- Due times are by Redis's clock alone, so gateways need not agree on theirs. XAUTOCLAIM looks at a few entries only, and returns
--- where to look on: without following it, alerts behind those of a busy owner would never be found.

--- @include "clock"
--- @include "proof"

--- Milliseconds: a due time farther ahead was set while Redis's clock was ahead, for no wait is longer than a week (outcome.ts).
local FARTHEST = 8 * 86400000

local args = cjson.decode(ARGV[1])
local outbox, retry, alerts, parked = unpack(KEYS)
local now = read_clock()
local claims = {}
local newest = redis.call('ZREVRANGE', parked, 0, 0, 'WITHSCORES')
local function reply()
  return { now, newest[2] or '', claims }
end

--- Adds entries of the stream to the claims, and removes those whose alert is no more.
local function add(entries)
  for _, entry in ipairs(entries) do
    local id = entry and entry[2] and entry[2][2]
    local record = id and redis.call('HGET', alerts, id)
    if record then
      claims[#claims + 1] = { entry[1], id, record }
    elseif entry then
      redis.call('XACK', outbox, args.group, entry[1])
      redis.call('XDEL', outbox, entry[1])
    end
  end
end

redis.call('HGET', alerts, '')
local due = redis.call('ZRANGEBYSCORE', retry, '-inf', now, 'LIMIT', 0, args.most)
if #due == 0 then
  due = redis.call('ZRANGEBYSCORE', retry, now + FARTHEST, '+inf', 'LIMIT', 0, args.most)
end
if #due == 0 and redis.call('EXISTS', outbox) == 0 then
  return reply()
end
if #due > 0 or redis.call('XLEN', outbox) > 0 then
  prove_zrem(retry)
  prove_xack(outbox)
  prove_xdel(outbox)
  prove_xadd(outbox)
  prove_xautoclaim(outbox)
  prove_xreadgroup(outbox)
end

-- From here on it writes.
local group = redis.pcall('XGROUP', 'CREATE', outbox, args.group, '0', 'MKSTREAM')
if group.err and not string.find(group.err, 'BUSYGROUP', 1, true) then
  return group
end
local from = '0-0'
while args.lease > 0 and #claims < args.most do
  local left = args.most - #claims
  local found = redis.call('XAUTOCLAIM', outbox, args.group, args.consumer, args.lease, from, 'COUNT', left)
  add(found[2])
  from = found[1]
  if from == '0-0' then
    break
  end
end
for _, id in ipairs(due) do
  redis.call('XADD', outbox, '*', 'id', id)
  redis.call('ZREM', retry, id)
end
local read = redis.call('XREADGROUP', 'GROUP', args.group, args.consumer, 'COUNT', args.most, 'STREAMS', outbox, '>')
if read then
  add(read[1][2])
end
return reply()
