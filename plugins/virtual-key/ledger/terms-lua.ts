import type { KeyField } from '../../../schema/key.ts'
import { DISPATCHERS } from '../keys.ts'
import { generationLua } from './generation.ts'
import { MOST_IDS } from './invented.ts'
import { LINGER } from './terms.ts'

/** Fields of a record that scripts obey. */
const FIELDS = [
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
  'scope',
] as const satisfies readonly KeyField[]

/** Position in KEYS of what belongs to a script itself; its totals come after that. */
const OWN_KEYS = 9
/** Position in ARGV of what belongs to a script itself; its windows come after that. */
const OWN_ARGS = 13
/** Arguments for each window. */
const PER_WINDOW = 5
/** How far a gateway's clock may be ahead of that of Redis. Unit: milliseconds. */
const AHEAD = 300_000

/**
 * The beginning of every script about one key. It says what holds for the key, and how it stands.
 *
 * KEYS 1 schema  2 key  3 outbox  4 alerts  5 reserved  6 reservations  7 ids  8 none  9… own  then the total of each window
 * ARGV 1 newest schema that the caller knows  2 '1' = the key's record is asked  3 key id  4 consumer that takes new alerts
 *      5 budget  6 threshold  7 thresholds, by commas  8 percents of the budget, by commas
 *      9 an alert's record as JSON before its URL  10 URL as JSON, empty = no webhook
 *      11 generation that the caller knows, or '+' and the one to begin with  12 '1' = a client may have invented the id  13… own
 *      then of each window: kind, label, seconds since 1970 at which its total expires (0 = never), and epoch and total that the
 *      caller last saw (0 and 0 = none)
 *
 * Leaves behind: said (the record's fields, as text), registered, at (number of the window, from 0), label, expires, total_name,
 * budget, text (the total as Redis has it, false = none), stored and stored_epoch (as Redis has them), previous and epoch (as they
 * should be), url, reserved_name, reservations_name, none, invented, now() in milliseconds, exact(number), count(text) (nil where
 * it is no whole number, as registry/record.ts reads it), what generationLua says, prepare_alerts(), which makes alert_id(what),
 * append(id, payload) and hand_over(start, most), and claims.
 * May return {'schema', version}: Redis holds one that the caller does not know. {'clock', milliseconds since 1970} and {'full'}:
 * see askedAgain.
 *
 * A counter below what the caller saw in the same epoch was lost (flush, failover to an old replica): previous is what it was, so
 * that thresholds which have fired do not fire again.
 *
 * Redis does not undo what a script wrote before it failed. So a script reads, and thereby proves the type of, every key first;
 * then it tries its writing commands on `none`, where they change nothing, all but the one that it writes with first; then it
 * writes. What may fail after that, such as handing over, is not needed: a sweep does it.
 *
 * @param ownKeys keys of the script itself @param ownArgs arguments of the script itself
 */
export function termsLua(ownKeys: number, ownArgs: number): string {
  const totals = OWN_KEYS + ownKeys
  const windows = OWN_ARGS + ownArgs
  return `
local schema = redis.call('HMGET', KEYS[1], 'version', 'generation')
local version = tonumber(schema[1] or 0)
if version > tonumber(ARGV[1]) then return {'schema', version} end
local function exact(number) return string.format('%.0f', number) end
local function count(text) return text and string.match(text, '^%d+$') and tonumber(text) end
local clock
local function now()
  if clock then return clock end
  local time = redis.call('TIME')
  clock = time[1] * 1000 + math.floor(time[2] / 1000)
  return clock
end
local said, registered, values = {}, false, nil
if ARGV[2] == '1' then
  local names = {'${FIELDS.join("', '")}'}
  values = redis.call('HMGET', KEYS[2], 'epoch', 'created_at', unpack(names))
  registered = values[2] and true
  for i = 1, registered and #names or 0 do
    local value = values[i + 2]
    if value and value ~= '' then said[names[i]] = value end
  end
else
  values = redis.call('HMGET', KEYS[2], 'epoch', 'created_at')
  registered = values[2] and true
end
local at = 0
for i = 0, #KEYS - ${totals} do
  if ARGV[${windows} + ${PER_WINDOW} * i] == said.window then at = i end
end
local window = ${windows} + ${PER_WINDOW} * at
local label, expires, total_name = ARGV[window + 1], tonumber(ARGV[window + 2]), KEYS[${totals} + at]
if expires > 0 then
  local kind = ARGV[window]
  local longest = kind == 'hour' and 3600 or kind == 'day' and 86400 or kind == 'week' and 604800 or 2678400
  if (expires - ${LINGER} - longest) * 1000 > now() + ${AHEAD} then return {'clock', now()} end
end
local budget = count(said.token_budget) or tonumber(ARGV[5])
local text = redis.call('GET', total_name)
-- What is no number fails here, before anything is written.
local stored = text and count(text) + 0 or 0
local invented = ARGV[12] == '1' and not registered
if invented and not text then
  local seconds = math.floor(now() / 1000)
  local forgotten = redis.call('ZSCORE', KEYS[7], ARGV[3])
  if tonumber(forgotten or 0) <= seconds and redis.call('ZCOUNT', KEYS[7], '(' .. seconds, '+inf') >= ${MOST_IDS} then
    return {'full'}
  end
end
local stored_epoch = tonumber(values[1] or 0) + 0
local known_epoch, known_total = tonumber(ARGV[window + 3]), tonumber(ARGV[window + 4])
local epoch, previous = stored_epoch, stored
if known_epoch > epoch then
  epoch, previous = known_epoch, known_total
elseif known_epoch == epoch and known_total > stored then
  previous = known_total
end
local url = said.alert_webhook and cjson.encode(said.alert_webhook) or ARGV[10]
local reserved_name, reservations_name, none = KEYS[5], KEYS[6], KEYS[8]
local generation = schema[2]
${generationLua('ARGV[11]')}
local claims = {}
local hand_over, alert_id, append
-- Redis makes each function anew with each run, so those that few runs call are made where they are needed.
local function prepare_alerts()
  local function read_group(start, most)
    return redis.pcall('XREADGROUP', 'GROUP', '${DISPATCHERS}', ARGV[4], 'COUNT', most, 'STREAMS', KEYS[3], start)
  end
  function hand_over(start, most)
    local read = read_group(start, most)
    if read and read.err then
      redis.pcall('XGROUP', 'CREATE', KEYS[3], '${DISPATCHERS}', '0', 'MKSTREAM')
      read = read_group(start, most)
    end
    for _, entry in ipairs(read and read[1] and read[1][2] or {}) do
      local id = entry[2] and entry[2][2]
      local record = id and redis.pcall('HGET', KEYS[4], id)
      if type(record) == 'string' then claims[#claims + 1] = {entry[1], id, record} end
    end
  end
  function alert_id(what)
    return 'vk_' .. redis.sha1hex(table.concat({generation, ARGV[3], label, exact(epoch), what}, '\\n'))
  end
  function append(id, payload)
    local record = ARGV[9] .. ',"url":' .. url .. ',"payload":' .. cjson.encode(payload) .. '}'
    redis.call('HSET', KEYS[4], id, record)
    redis.call('XADD', KEYS[3], '*', 'id', id)
  end
end
`
}
