--- Releases a reservation whose request has nothing to count.
---
--- KEYS  1 reserved  2 reservations  3 none
--- ARGV  1 JSON: reservation  text
--- Reply 1 = released, 0 = it was released before, or has expired

--- @include "numbers"
--- @include "reservations"

local reserved_name, reservations_name, none = KEYS[1], KEYS[2], KEYS[3]
local reservation = cjson.decode(ARGV[1]).reservation

if not redis.call('ZSCORE', reservations_name, reservation) then
  return 0
end
local reserved = math.max(read_reserved(reserved_name, reservations_name) - tokens_of(reservation), 0)
redis.call('SET', none, '', 'XX')
redis.call('ZREM', reservations_name, reservation)
keep_reserved(reserved_name, reserved)
return 1
