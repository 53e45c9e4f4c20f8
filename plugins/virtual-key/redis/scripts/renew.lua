--- Keeps claims of one partition from running out.
---
--- KEYS  1 outbox  2 alerts  3 dead  4 delivered
--- ARGV  1 JSON:
---         consumer  text
---         group     text: the consumer group of the outbox
---         claims    list of {stream_id, id}
--- Reply of each: 'mine' = nobody else takes it for another lease | 'lost' = Redis has lost it | 'theirs' = another process owns it, or
---       has ended it

--- @include "ended"
--- @include "pending"

local args = cjson.decode(ARGV[1])
local outbox, alerts, dead, delivered = unpack(KEYS)

local owners = {}
redis.call('HLEN', alerts)
for _, claim in ipairs(args.claims) do
  local mine, failed = owned_by(outbox, args.group, args.consumer, claim.stream_id)
  if failed then
    return failed
  end
  local owner = 'theirs'
  if mine then
    redis.call('XCLAIM', outbox, args.group, args.consumer, 0, claim.stream_id, 'JUSTID')
    owner = 'mine'
  elseif redis.call('HEXISTS', alerts, claim.id) == 0 and not ended(dead, delivered, claim.stream_id, claim.id) then
    owner = 'lost'
  end
  owners[#owners + 1] = owner
end
return owners
