--- Releases a reservation whose request has nothing to count.
---
--- KEYS  1 reserved  2 reservations  3 none
--- ARGV  plain text:
--- @argument reservation
--- Reply 1 = released, 0 = it was released before, or has expired

local reserved_name, reservations_name, none = KEYS[1], KEYS[2], KEYS[3]

if not redis.call('ZSCORE', reservations_name, reservation) then
  return 0
end
local reserved = 0
--- @include "read-reserved"
reserved = math.max(reserved - (string.match(reservation, '%d+$') or 0), 0)

redis.call('SET', none, '', 'XX')
redis.call('ZREM', reservations_name, reservation)
--- @include "keep-reserved"
return 1
