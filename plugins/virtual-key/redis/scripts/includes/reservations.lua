--- A reservation is `<name> <tokens>`, a member of its key's sorted set, whose scores are expiries in milliseconds since 1970. The sum
--- of a key's reservations is kept beside them, so that nothing has to be added up where thousands of requests are under way.

--- Milliseconds: the sum outlives every reservation in it.
local SUM_LASTS = '1800000'

--- The tokens of a reservation.
local function tokens_of(reservation)
  return (string.match(reservation, '(%d+)$') or 0) + 0
end

--- Tokens that a key's requests under way have reserved. A sum that Redis has lost alone is added up again; a sum without
--- reservations counts for nothing, because nobody could release what it says.
local function read_reserved(sum_name, reservations_name)
  if redis.call('EXISTS', reservations_name) == 0 then
    return 0
  end
  local sum = redis.call('GET', sum_name)
  if sum then
    -- What is no number fails here, before anything is written.
    return sum + 0
  end
  sum = 0
  for _, reservation in ipairs(redis.call('ZRANGE', reservations_name, '0', '-1')) do
    sum = sum + tokens_of(reservation)
  end
  return sum
end

--- Writes the sum, by SET alone.
local function keep_reserved(sum_name, sum)
  redis.call('SET', sum_name, exact(sum), 'PX', sum > 0 and SUM_LASTS or '1')
end
