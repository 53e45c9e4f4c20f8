--- A reservation is `<name> <tokens>`, a member of its key's sorted set, whose scores are expiries in milliseconds since 1970. The sum
--- of a key's reservations is kept beside them, so that nothing has to be added up where thousands of requests are under way.
---
--- Sets reserved, which is 0: the tokens that a key's requests under way have reserved. A sum that Redis has lost alone is added up
--- again; a sum without reservations counts for nothing, because nobody could release what it says. Needs reserved_name and
--- reservations_name.
if redis.call('EXISTS', reservations_name) == 1 then
  local sum = redis.call('GET', reserved_name)
  if sum then
    -- What is no number fails here, before anything is written.
    reserved = sum + 0
  else
    for _, one in ipairs(redis.call('ZRANGE', reservations_name, '0', '-1')) do
      reserved = reserved + (string.match(one, '%d+$') or 0)
    end
  end
end
