--- @include "clock"
--- @include "numbers"
--- @include "lifetimes"

--- The beginning of every script about one key: what holds for the key, and how it stands.
---
--- KEYS  1 schema  2 key  3 outbox  4 alerts  5 reserved  6 reservations  7 ids  8 none, then the script's own, then the counter of
---       each window. A counter is called by the name that its window tells; it stands here because Redis finds its node by it.
--- ARGV  1 JSON, read as `args`, with the script's own and:
---         schema           text: the newest schema that the caller knows
---         generation       see generation.lua
---         registry         true: the key's record is read, and wins field by field
---         invented         text: the key id, where a client may have made it up
---         budget           tokens; absent: unlimited
---         threshold        tokens; absent: none
---         thresholds       text: tokens, by commas; absent: none
---         percents         text: percents of the budget, by commas; absent: none
---         configured_kind  text: the kind of window that the configuration names; with registry
---         the window that the caller expects:
---         kind             text; absent: 'total'
---         counter          text: the name of its counter, which ends with the label of the window
---         ends             seconds since 1970; absent: never
---         epoch            of the counter, as the caller saw it last; absent: 0
---         total            of the counter, as the caller saw it last; absent: never seen
---       2 JSON, see alert.lua
---       3 JSON, with registry: every window by its kind, with counter, ends, epoch and total as above; empty without
---
--- Leaves  args, the names of KEYS 1 to 8, registered, record_<field> (text; false or nil: the record does not say), kind, window,
---         counter_name, stored_text (the counter as Redis has it; false: none), stored_epoch (text; false: none), previous and epoch
---         (numbers, as they should be), the same as text, renewed (the caller has seen a newer epoch), budget, budget_text (empty: it
---         is the configuration's), invented (the key id; false or nil: not made up), clock and seconds (nil: not read yet; they are
---         where the window ends), and what generation.lua leaves.
---
--- May end the script: {'schema', version}: Redis holds a newer schema than the caller knows. {'clock', milliseconds since 1970}: the
--- window is in the future by Redis's clock. {'full'}: the id is one too many of those that clients may have made up.
---
--- A counter below what the caller has seen in the same epoch was lost (flush, failover to an old replica): `previous` is what it was,
--- so that thresholds which have fired do not fire again.
---
--- Redis does not undo what a script wrote before it failed. So a script first reads every key, which proves its type; then it tries
--- its writing commands on `none`, a name that is never there, where they change nothing, all but the one that it writes with first;
--- and then it writes. What may fail after that, such as handing over, is not needed: a sweep does it.

--- Seconds that a gateway's clock may be ahead of that of Redis.
local MOST_AHEAD = 300

--- Ids that are not registered and that a client may have made up: so many of them have counters in one partition.
local MOST_IDS = 4096

local args = cjson.decode(ARGV[1])
local schema_name, key_name, outbox_name, alerts_name, reserved_name, reservations_name, ids_name, none = unpack(KEYS)

local schema = redis.call('HMGET', schema_name, 'version', 'generation')
local version = schema[1]
if version and version ~= args.schema and version + 0 > args.schema + 0 then
  return { 'schema', version + 0 }
end

local stored_epoch, registered
local record_window, record_budget, record_threshold, record_thresholds, record_percents, record_webhook
local record_disabled, record_expires_at, record_one_shot, record_used_at, record_scope
if args.registry then
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
    record_budget = record[4] ~= '' and record[4]
    record_threshold = record[5] ~= '' and record[5]
    record_thresholds = record[6] ~= '' and record[6]
    record_percents = record[7] ~= '' and record[7]
    record_webhook = record[8] ~= '' and record[8]
    record_disabled = record[9] ~= '' and record[9]
    record_expires_at = record[10] ~= '' and record[10]
    record_one_shot = record[11] ~= '' and record[11]
    record_used_at = record[12] ~= '' and record[12]
    record_scope = record[13] ~= '' and record[13]
  end
else
  local record = redis.call('HMGET', key_name, 'epoch', 'created_at')
  stored_epoch, registered = record[1], record[2]
end

-- The caller describes the window that it expects; the others are looked at only where it is wrong.
local kind, window = args.kind or 'total', args
local named = record_window or args.configured_kind
if named and named ~= kind then
  local others = cjson.decode(ARGV[3])
  kind = others[named] and named or args.configured_kind
  window = others[kind] or args
end
local clock, seconds
local ends = window.ends
if ends then
  clock, seconds = read_clock()
  local longest = kind == 'hour' and 3600 or kind == 'day' and 86400 or kind == 'week' and 604800 or 2678400
  if ends - longest > seconds + MOST_AHEAD then
    return { 'clock', clock }
  end
end

local budget, budget_text = args.budget or 0, whole(record_budget) or ''
if budget_text ~= '' then
  budget = budget_text + 0
end

local counter_name = window.counter
local stored_text = redis.call('GET', counter_name)
-- What is no number fails here, before anything is written.
local stored = stored_text and string.match(stored_text, '^%d+$') + 0 or 0
local invented = not registered and args.invented
if invented and not stored_text then
  if not clock then
    clock, seconds = read_clock()
  end
  local forgotten = (redis.call('ZSCORE', ids_name, args.invented) or 0) + 0
  if forgotten <= seconds and redis.call('ZCOUNT', ids_name, '(' .. seconds, '+inf') >= MOST_IDS then
    return { 'full' }
  end
end

local previous, previous_text, epoch_text = stored, stored_text or '0', stored_epoch or '0'
local epoch = epoch_text + 0
local renewed = window.epoch and window.epoch > epoch
if renewed then
  epoch, epoch_text = window.epoch, exact(window.epoch)
end
if renewed or window.total and (window.epoch or 0) == epoch and window.total > stored then
  previous, previous_text = window.total, exact(window.total)
end
--- @include "generation"
