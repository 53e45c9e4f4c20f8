--- Decides whether one request may pass, by its key's record, counter and reservations. Everything that one request changes (a
--- one-shot key used up, tokens reserved, the first denial marked) happens here or not at all.
---
--- KEYS  as policy.lua
--- ARGV  as policy.lua; own:
--- @argument deny_unknown     1: a key that is not in the registry may not pass
--- @argument method           'read' | 'write': what the request does; absent: the caller does not say
--- @argument reservation      what the request reserves of the budget
--- @argument lasts            milliseconds that the reservation may last
--- @argument before_budget    the alert's payload; empty: the service's label is not known yet
--- @argument before_total     its next part, after the budget
--- @argument before_reserved  its next part, after the total
--- @argument after_reserved   its last part
--- Reply what policy.lua may end with
---       | {'method'}: nothing was changed, because the key may only read, and the caller does not say what the request does
---       | {'unlabelled'}: nothing was changed: it is the first denial, and its alert needs the service's label
---       | {'admitted', budget, total, reserved, kind of the window}
---       | {why not, budget, total, reserved, kind of the window, 1 = the first denial, 1 = there is a webhook, claims}, the last two
---         only where it is the first
---       Tokens, the budget and claims are as in settle.lua.
---
--- The mark of a first denial is `<window label> <epoch> <budget>`: it says nothing about another window, be it one of the future, nor
--- about a greater budget. A Redis that cannot write (no memory, a disk that failed) still denies a key that is over its budget; the
--- first denial is then the first that it can write down. A request that asks for more than the whole budget is denied without an
--- alert: that says nothing about what was spent.

--- @include "policy"

--- Windows of one kind whose first denial is remembered: those of gateways whose clocks differ, and of a moment ago.
local MOST_MARKS = 3
--- Reservations that expire in one step.
local MOST_EXPIRED = 1000

if registry == '1' and deny_unknown == '1' and not registered then
  return { 'unknown', budget_text, previous_text, '0', kind, 0 }
end
if record_disabled == '1' then
  return { 'disabled', budget_text, previous_text, '0', kind, 0 }
end
if record_expires_at then
  --- @include "read-clock"
  if record_expires_at + 0 <= clock then
    return { 'expired', budget_text, previous_text, '0', kind, 0 }
  end
end
if record_scope == 'read' then
  if method == '' then
    return { 'method' }
  end
  if method ~= 'read' then
    return { 'scope', budget_text, previous_text, '0', kind, 0 }
  end
end
local one_shot = record_one_shot == '1'
if one_shot then
  if record_used_at then
    return { 'used', budget_text, previous_text, '0', kind, 0 }
  end
  --- @include "read-clock"
end

-- `expired`: the reservations that have expired; nil = none.
local wanted, reserved, expired = 0, 0, nil
if reservation ~= '' and budget > 0 then
  wanted = (string.match(reservation, '%d+$') or 0) + 0
  --- @include "read-clock"
  expired = redis.call('ZRANGEBYSCORE', reservations_name, '-inf', clock, 'LIMIT', '0', MOST_EXPIRED)
  --- @include "read-reserved"
  if #expired == 0 then
    expired = nil
  end
  for _, one in ipairs(expired or {}) do
    reserved = reserved - (string.match(one, '%d+$') or 0)
  end
  if reserved < 0 then
    reserved = 0
  end
end

if budget > 0 and (previous >= budget or previous + reserved + wanted > budget) then
  local field, first, marks = 'exceeded:' .. kind, wanted <= budget, {}
  local label = string.match(counter_name, '[^:]+$')
  local reserved_text = string.format('%.0f', reserved)
  if first then
    local text = redis.call('HGET', key_name, field) or ''
    for marked_label, marked_epoch, marked_budget in string.gmatch(text, '(%S+) (%d+) (%d+)') do
      if marked_label ~= label then
        marks[#marks + 1] = marked_label .. ' ' .. marked_epoch .. ' ' .. marked_budget
      elseif marked_epoch + 0 > epoch or marked_epoch + 0 == epoch and marked_budget + 0 >= budget then
        first = false
      end
    end
  end
  local url, id = record_webhook and cjson.encode(record_webhook) or configured_webhook, nil
  if first and url ~= '' then
    if before_budget == '' then
      return { 'unlabelled' }
    end
    redis.call('XLEN', outbox_name)
    --- @include "alert-id"
    id = alert_id(generation, key_id, label, epoch, 'budget ' .. string.format('%.0f', budget))
    if redis.call('HEXISTS', alerts_name, id) == 1 then
      id = nil
    end
  end
  local function may(...)
    local reply = redis.pcall(...)
    return type(reply) ~= 'table' or not reply.err
  end
  local able = (not id or may('XADD', none, 'NOMKSTREAM', '*', 'x', 'x'))
    and (not expired or may('ZREM', none, 'x'))
    and (not first or registered or may('EXPIRE', none, '1'))
    and may('SET', none, '', 'XX')
  if able and first then
    marks[#marks + 1] = label .. ' ' .. string.format('%.0f', epoch) .. ' ' .. string.format('%.0f', budget)
    local kept = table.concat(marks, ' ', math.max(1, #marks - MOST_MARKS + 1))
    able = may('HSET', key_name, field, kept)
  end
  if not able then
    return { 'budget', budget_text, previous_text, reserved_text, kind, 0 }
  end
  -- From here on it writes.
  if expired then
    redis.call('ZREM', reservations_name, unpack(expired))
    --- @include "keep-reserved"
  end
  if first and not registered then
    redis.call('EXPIRE', key_name, FORGET_AFTER)
  end
  local claims
  if id then
    --- @include "keep-generation"
    local body = before_budget
      .. string.format('%.0f', budget)
      .. before_total
      .. string.format('%.0f', previous)
      .. before_reserved
      .. reserved_text
      .. after_reserved
    --- @include "append-alert"
    append_alert(id, alert_record, url, body)
    --- @include "hand-over"
    claims = hand_over(outbox_name, alerts_name, group, consumer, '>', 1)
  end
  return { 'budget', budget_text, previous_text, reserved_text, kind, first and 1 or 0, url ~= '' and 1 or 0, claims }
end

if wanted > 0 or expired then
  if expired then
    redis.call('ZREM', none, 'x')
  end
  if one_shot then
    redis.call('ZADD', none, 'XX', '0', 'x')
  end
  redis.call('PEXPIRE', none, '1')
  redis.call('SET', none, '', 'XX')
end
-- From here on it writes.
if one_shot then
  redis.call('HSET', key_name, 'used_at', string.format('%.0f', clock))
end
if wanted > 0 then
  redis.call('ZADD', reservations_name, clock + lasts, reservation)
  redis.call('PEXPIRE', reservations_name, 2 * lasts)
  reserved = reserved + wanted
end
if expired then
  redis.call('ZREM', reservations_name, unpack(expired))
end
if wanted > 0 or expired then
  --- @include "keep-reserved"
end
return { 'admitted', budget_text, previous_text, reserved == 0 and '0' or string.format('%.0f', reserved), kind }
