--- Makes parked alerts due.
---
--- KEYS  1 retry  2 parked
--- ARGV  1 JSON: alerts  list of {id, entry}: the alert's id, and its entry among the parked ones
--- Reply number of alerts that are due now; one that waits no more is only taken off the parked ones

--- @include "proof"

local args = cjson.decode(ARGV[1])
local retry, parked = unpack(KEYS)

local woken = 0
prove_zadd(retry)
prove_zrem(parked)

-- From here on it writes.
for _, alert in ipairs(args.alerts) do
  if redis.call('ZSCORE', retry, alert.id) then
    redis.call('ZADD', retry, 0, alert.id)
    woken = woken + 1
  end
  redis.call('ZREM', parked, alert.entry)
end
return woken
