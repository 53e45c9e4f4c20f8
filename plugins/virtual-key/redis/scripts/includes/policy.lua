--- @include "lifetimes"

--- The beginning of every script about one key: what holds for the key, and how it stands.
---
--- KEYS  1 schema  2 key  3 outbox  4 alerts  5 reserved  6 reservations  7 ids  8 none, then the script's own, then the counter of
---       each window. A counter's name is told with its window too; it stands here because Redis finds its node by it.
--- ARGV  plain text under these names; empty: absent
--- @argument known_schema         the newest schema that the caller knows
--- @argument known_generation     see generation.lua
--- @argument registry             1: the key's record is read, and wins field by field
--- @argument key_id
--- @argument invented             1: a client may have made the key id up
--- @argument configured_budget    tokens; 0: unlimited
--- @argument configured_webhook   URL as JSON
--- @argument configured_kind      the kind of window that the configuration names
---       the window that the caller expects:
--- @argument kind                 'total' | 'hour' | 'day' | 'week' | 'month'
--- @argument counter_name         the name of its counter, which ends with a colon and the label of the window
--- @argument ends                 seconds since 1970; 0: never
--- @argument known_epoch          of the counter, as the caller saw it last; 0: never seen
--- @argument known_total          of the counter, as the caller saw it last; 0: never seen
---       with registry the others:
--- @argument other_windows        JSON: by kind, each with its label, and ends, epoch and total as above; absent: 0
---       for alerts:
--- @argument group                the consumer group of the outbox
--- @argument consumer             the dispatcher that takes over new alerts
--- @argument alert_record         the alert's record as JSON, without its URL, its payload and the closing brace
---
--- Leaves  the names of KEYS 1 to 8, registered, record_<field> (text; false or nil: the record does not say, or says no number where
---         there has to be one), kind, ends (a number) and counter_name of the window in which the key is counted, stored_text
---         (the counter as Redis has it; false: none), stored_epoch (text; false: none), previous and epoch (numbers, as they should
---         be), the same as text, renewed (the caller has seen a newer epoch), budget, budget_text (empty: it is the
---         configuration's), made_up (invented, and not registered), clock and seconds (nil: not read yet; they are where the window
---         ends), and what generation.lua leaves.
---
--- May end the script: {'schema', version}: Redis holds a newer schema than the caller knows. {'clock', milliseconds since 1970}: the
--- window is in the future by Redis's clock. {'full'}: the id is one too many of those that clients may have made up.
---
--- A counter below what the caller has seen in the same epoch was lost (flush, failover to an old replica): `previous` is what it was,
--- so that thresholds which have fired do not fire again.
---
--- Redis makes each function anew with each run, so the common path has none. It formats each number that a script hands it as a
--- float, and the client's parser rounds the largest integers, so integers go out as text. `text + 0` is a number as tonumber(text)
--- makes it, in a third of the time, and fails where it is none.
---
--- Redis does not undo what a script wrote before it failed. So a script first reads every key, which proves its type; then it tries
--- its writing commands on `none`, a name that is never there, where they change nothing, all but the one that it writes with first;
--- and then it writes. What may fail after that, such as handing over, is not needed: a sweep does it.

--- Seconds that a gateway's clock may be ahead of that of Redis.
local MOST_AHEAD = 300

--- Ids that are not registered and that a client may have made up: so many of them have counters in one partition.
local MOST_IDS = 4096

local schema_name, key_name, outbox_name, alerts_name, reserved_name, reservations_name, ids_name, none = unpack(KEYS)

local schema = redis.call('HMGET', schema_name, 'version', 'generation')
local version = schema[1]
if version and version ~= known_schema and version + 0 > known_schema + 0 then
  return { 'schema', version + 0 }
end

local stored_epoch, registered
local record_window, record_budget, record_threshold, record_thresholds, record_percents, record_webhook
local record_disabled, record_expires_at, record_one_shot, record_used_at, record_scope
if registry == '1' then
  local record = redis.call(
    'HMGET',
    key_name,
    'epoch',
    'created_at',
    'window',
    'token_budget',
    'alert_threshold',
    'alert_thresholds',
    'alert_percents',
    'alert_webhook',
    'disabled',
    'expires_at',
    'one_shot',
    'used_at',
    'scope'
  )
  stored_epoch, registered = record[1], record[2]
  if registered then
    record_window = record[3] ~= '' and record[3]
    record_budget = record[4] and string.match(record[4], '^%d+$')
    record_threshold = record[5] and string.match(record[5], '^%d+$')
    record_thresholds = record[6] ~= '' and record[6]
    record_percents = record[7] ~= '' and record[7]
    record_webhook = record[8] ~= '' and record[8]
    record_disabled = record[9] ~= '' and record[9]
    record_expires_at = record[10] and string.match(record[10], '^%d+$')
    record_one_shot = record[11] ~= '' and record[11]
    record_used_at = record[12] ~= '' and record[12]
    record_scope = record[13] ~= '' and record[13]
  end
else
  local record = redis.call('HMGET', key_name, 'epoch', 'created_at')
  stored_epoch, registered = record[1], record[2]
end

-- The caller describes the window that it expects; the others are looked at only where it is wrong.
local named = record_window or configured_kind
if named ~= kind then
  local others = cjson.decode(other_windows)
  local window = others[named] or others[configured_kind]
  if window then
    kind = others[named] and named or configured_kind
    counter_name = string.match(counter_name, '^.*:') .. window.label
    ends, known_epoch, known_total = window.ends or 0, window.epoch or 0, window.total or 0
  end
end
local clock, seconds
ends, known_epoch, known_total = ends + 0, known_epoch + 0, known_total + 0
if ends > 0 then
  --- @include "read-clock"
  local longest = kind == 'hour' and 3600 or kind == 'day' and 86400 or kind == 'week' and 604800 or 2678400
  if ends - longest > seconds + MOST_AHEAD then
    return { 'clock', clock }
  end
end

local budget_text = record_budget or ''
local budget = (budget_text ~= '' and budget_text or configured_budget) + 0

local stored_text = redis.call('GET', counter_name)
-- What is no number fails here, before anything is written.
local stored = stored_text and string.match(stored_text, '^%d+$') + 0 or 0
local made_up = not registered and invented == '1'
if made_up and not stored_text then
  --- @include "read-clock"
  local forgotten = (redis.call('ZSCORE', ids_name, key_id) or 0) + 0
  if forgotten <= seconds and redis.call('ZCOUNT', ids_name, '(' .. seconds, '+inf') >= MOST_IDS then
    return { 'full' }
  end
end

local previous, previous_text, epoch_text = stored, stored_text or '0', stored_epoch or '0'
local epoch = epoch_text + 0
local renewed = known_epoch > epoch
if renewed then
  epoch, epoch_text = known_epoch, string.format('%.0f', known_epoch)
end
if renewed or known_epoch == epoch and known_total > stored then
  previous, previous_text = known_total, string.format('%.0f', known_total)
end
--- @include "generation"
