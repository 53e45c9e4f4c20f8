--- Adds the usage of one response to its key's counter, once, and appends an alert for each threshold that the counter crosses.
---
--- KEYS  as policy.lua; own: 9 the settled markers  10 what this usage record crossed  11 what was counted of this answer; only with
---       `fetched_again`
--- ARGV  as policy.lua; own:
--- @argument tokens                 at least 0
--- @argument marker                 place of this usage record among the markers, from 0: the first has the highest bit of the first byte
--- @argument reservation            released in the same step
--- @argument fetched_again          1: the answer can be fetched again, and only what it has beyond what was counted of it before is added
--- @argument configured_threshold   tokens; 0: none
--- @argument configured_thresholds  tokens, by commas
--- @argument configured_percents    percents of the budget, by commas
--- @argument before_threshold       the alert's payload; empty: the service's label is not known yet
--- @argument before_total           its next part, after the threshold
--- @argument after_total            its last part
--- Reply what policy.lua may end with
---       | {'unlabelled'}: nothing was changed, because an alert needs the service's label
---       | {'restoring', news}: nothing was counted, because Redis has lost data a moment ago
---       | {'duplicate', claims, '' or '<total> <1 = there was a webhook> <thresholds crossed, by commas>'}: it was settled before
---       | {'settled', previous, epoch, news, budget, total, reserved, kind of the window, thresholds crossed, 1 = there is a webhook,
---         claims}
---       Tokens are decimal text; the budget is empty where it is the configuration's; news is the partition's generation where it is
---       not the one that the caller knows, else empty; the last three are absent where nothing was crossed, and claims where there
---       are none: each table in a reply costs Redis as much as many texts.
---
--- The common case writes with SET alone, which proves itself. A repetition gets what its consumer holds, because the reply that
--- named it may be the lost one. A counter expires no earlier than a day from now by Redis's clock, whatever the clocks of gateways
--- say; that of a key that is not registered and not used is forgotten.

--- @include "policy"

--- Seconds for which a usage record may be sent again after its reply was lost.
local SETTLED_FOR = '86400'
--- Seconds for which it is remembered what was counted of an answer: OpenAI keeps answers for 30 days.
local ANSWER_FOR = '2592000'
--- Seconds: the time at which a key's data is forgotten is written anew at most once in this.
local FORGET_STEP = 86400
--- Milliseconds for which crossings wait after a loss. Every process looks for one each second (loss-watch.ts).
local GRACE = 5000
--- Most alerts handed over again to a consumer that may have missed them.
local MOST_PENDING = 100
--- Counters stop at the largest integer that JavaScript holds exactly.
local MOST_TOKENS = 9007199254740991

local settled_name, crossed_name = KEYS[9], KEYS[10]
local answer_name = fetched_again == '1' and KEYS[11]

local settled = redis.call('GET', settled_name) or ''
marker = marker + 0
local place_of_bit = marker % 8
local place, bit = (marker - place_of_bit) / 8 + 1, 2 ^ (7 - place_of_bit)
local byte = string.byte(settled, place) or 0
if byte / bit % 2 >= 1 then
  local crossing = redis.call('GET', crossed_name)
  local claims = {}
  if crossing then
    --- @include "hand-over"
    claims = hand_over(outbox_name, alerts_name, group, consumer, '0', MOST_PENDING)
  end
  return { 'duplicate', claims, crossing or '' }
end

tokens = tokens + 0
local counted, total = 0, previous
if answer_name then
  counted = (redis.call('GET', answer_name) or 0) + 0
end
if tokens > counted then
  total = math.min(previous + (tokens - counted), MOST_TOKENS)
end
local total_text = string.format('%.0f', total)

-- The thresholds that are crossed, in any order; nil: none.
local crossed
local threshold = (record_threshold or configured_threshold) + 0
if previous < threshold and threshold <= total then
  crossed = { threshold }
end
local thresholds = record_thresholds or configured_thresholds
local percents = budget > 0 and (record_percents or configured_percents) or ''
if thresholds ~= '' or percents ~= '' then
  crossed = crossed or {}
  for one in string.gmatch(thresholds, '%d+') do
    crossed[#crossed + 1] = one + 0
  end
  for one in string.gmatch(percents, '%d+') do
    crossed[#crossed + 1] = math.floor(budget / 100) * one + math.ceil(budget % 100 * one / 100)
  end
  for i = #crossed, 1, -1 do
    if previous >= crossed[i] or crossed[i] > total then
      table.remove(crossed, i)
    end
  end
  if #crossed == 0 then
    crossed = nil
  end
end

local url, appending
if crossed then
  table.sort(crossed)
  for i = #crossed, 2, -1 do
    if crossed[i] == crossed[i - 1] then
      table.remove(crossed, i)
    end
  end
  local since = lost or tonumber(redis.call('HGET', schema_name, 'lost') or nil)
  if since then
    --- @include "read-clock"
    if clock >= since and clock < since + GRACE then
      --- @include "keep-generation"
      return { 'restoring', news }
    end
  end
  url = record_webhook and cjson.encode(record_webhook) or configured_webhook
  if url ~= '' and before_threshold == '' then
    return { 'unlabelled' }
  end
  --- @include "alert-id"
  local label = string.match(counter_name, '[^:]+$')
  for i, threshold in ipairs(crossed) do
    crossed[i] = string.format('%.0f', threshold)
    local id = url ~= '' and alert_id(generation, key_id, label, epoch, crossed[i])
    if id and redis.call('HEXISTS', alerts_name, id) == 0 then
      appending = appending or {}
      appending[#appending + 1] = { id, crossed[i] }
    end
  end
end

local releasing, reserved = false, 0
if reservation ~= '' then
  releasing = redis.call('ZSCORE', reservations_name, reservation)
  --- @include "read-reserved"
  if releasing then
    reserved = math.max(reserved - (string.match(reservation, '%d+$') or 0), 0)
  end
end

-- When the counter expires. A window may be over by Redis's clock.
local expires = ends > 0 and math.max(ends, seconds) + OUTLIVE
local has_epoch = stored_epoch or renewed
-- Of most keys only the counter is forgotten, and its time is written anew with it. What else there is follows once a day.
local more = has_epoch or made_up
local forgetting = not registered
  and (not stored_text or more and not expires and redis.call('TTL', counter_name) < FORGET_AFTER - FORGET_STEP)
local remembering = forgetting and made_up

if remembering then
  --- @include "read-clock"
  redis.call('ZCARD', ids_name)
  redis.call('ZADD', none, 'XX', '0', 'x')
  redis.call('ZREMRANGEBYSCORE', none, '0', '0')
end
if appending then
  redis.call('XLEN', outbox_name)
  redis.call('XADD', none, 'NOMKSTREAM', '*', 'x', 'x')
end
if releasing then
  redis.call('ZREM', none, 'x')
end
if forgetting and has_epoch then
  redis.call('EXPIRE', none, '1')
end
if born or lost or renewed or appending then
  redis.call('SET', none, '', 'XX')
end

-- From here on it writes.
if born or lost then
  --- @include "keep-generation"
end
if renewed then
  redis.call('HSET', key_name, 'epoch', epoch_text)
end
if appending then
  --- @include "append-alert"
  for _, one in ipairs(appending) do
    local body = before_threshold .. one[2] .. before_total .. total_text .. after_total
    append_alert(one[1], alert_record, url, body)
  end
end
if expires then
  redis.call('SET', counter_name, total_text, 'EXAT', expires)
elseif registered then
  redis.call('SET', counter_name, total_text)
elseif forgetting or not more then
  redis.call('SET', counter_name, total_text, 'EX', FORGET_AFTER)
else
  redis.call('SET', counter_name, total_text, 'KEEPTTL')
end
local before, after = string.sub(settled, 1, place - 1), string.sub(settled, place + 1)
if #before < place - 1 then
  before = before .. string.rep('\0', place - 1 - #before)
end
redis.call('SET', settled_name, before .. string.char(byte + bit) .. after, 'EX', SETTLED_FOR)
if answer_name then
  redis.call('SET', answer_name, string.format('%.0f', math.max(counted, tokens)), 'EX', ANSWER_FOR)
end
if releasing then
  redis.call('ZREM', reservations_name, reservation)
  --- @include "keep-reserved"
end
if forgetting and has_epoch then
  redis.call('EXPIRE', key_name, FORGET_AFTER)
end
if remembering then
  redis.call('ZADD', ids_name, 'GT', expires or seconds + FORGET_AFTER, key_id)
  redis.call('ZREMRANGEBYSCORE', ids_name, '-inf', seconds)
end
if crossed then
  local text = total_text .. ' ' .. (url ~= '' and 1 or 0) .. ' ' .. table.concat(crossed, ',')
  redis.call('SET', crossed_name, text, 'EX', SETTLED_FOR)
end
local claims
if appending then
  --- @include "hand-over"
  claims = hand_over(outbox_name, alerts_name, group, consumer, '>', #appending)
end
local reserved_text = reserved == 0 and '0' or string.format('%.0f', reserved)
return {
  'settled',
  previous_text,
  epoch_text,
  news,
  budget_text,
  total_text,
  reserved_text,
  kind,
  crossed,
  crossed and (url ~= '' and 1 or 0),
  claims,
}
