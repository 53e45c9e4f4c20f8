import type { KeyField } from '../../../schema/key.ts'
import { DISPATCHERS } from '../keys.ts'

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
const OWN_KEYS = 7
/** Position in ARGV of what belongs to a script itself; its windows come after that. */
const OWN_ARGS = 11
/** Arguments for each window. */
const PER_WINDOW = 5

/**
 * The beginning of every script about one key. It says what holds for the key, and how it stands.
 *
 * KEYS 1 schema  2 key  3 outbox  4 alerts  5 reserved  6 reservations  7… own  then the total of each window
 * ARGV 1 newest schema that the caller knows  2 '1' = the key's record is asked  3 key id  4 consumer that takes new alerts
 *      5 budget  6 threshold  7 thresholds, by commas  8 percents of the budget, by commas
 *      9 an alert's record as JSON before its URL  10 URL as JSON, empty = no webhook  11… own
 *      then of each window: kind, label, seconds since 1970 at which its total expires (0 = never), and epoch and total that the
 *      caller last saw (0 and 0 = none)
 *
 * Leaves behind: said (the record's fields, as text), registered, at (number of the window, from 0), label, total_name, budget,
 * stored and stored_epoch (as Redis has them), previous and epoch (as they should be), url, reserved_name, reservations_name,
 * exact(number), count(text) (nil where it is no whole number, as registry/record.ts reads it), alert_id(what), append(id, payload),
 * hand_over(start, most) and claims.
 * May return {'schema', version}: Redis holds one that the caller does not know.
 *
 * A counter below what the caller saw in the same epoch was lost (flush, failover to an old replica): previous is what it was, so
 * that thresholds which have fired do not fire again.
 *
 * @param ownKeys keys of the script itself @param ownArgs arguments of the script itself
 */
export function termsLua(ownKeys: number, ownArgs: number): string {
  const totals = OWN_KEYS + ownKeys
  const windows = OWN_ARGS + ownArgs
  return `
local version = tonumber(redis.call('HGET', KEYS[1], 'version') or 0)
if version > tonumber(ARGV[1]) then return {'schema', version} end
local function exact(number) return string.format('%.0f', number) end
local function count(text) return text and string.match(text, '^%d+$') and tonumber(text) end
local said, registered = {}, false
if ARGV[2] == '1' then
  local names = {'${FIELDS.join("', '")}'}
  local values = redis.call('HMGET', KEYS[2], 'created_at', unpack(names))
  registered = values[1] and true
  for i = 1, registered and #names or 0 do
    local value = values[i + 1]
    if value and value ~= '' then said[names[i]] = value end
  end
end
local at = 0
for i = 0, #KEYS - ${totals} do
  if ARGV[${windows} + ${PER_WINDOW} * i] == said.window then at = i end
end
local window = ${windows} + ${PER_WINDOW} * at
local label, total_name = ARGV[window + 1], KEYS[${totals} + at]
local budget = count(said.token_budget) or tonumber(ARGV[5])
local stored = tonumber(redis.call('GET', total_name) or 0)
local stored_epoch = tonumber(redis.call('HGET', KEYS[2], 'epoch') or 0)
local known_epoch, known_total = tonumber(ARGV[window + 3]), tonumber(ARGV[window + 4])
local epoch, previous = stored_epoch, stored
if known_epoch > epoch then
  epoch, previous = known_epoch, known_total
elseif known_epoch == epoch and known_total > stored then
  previous = known_total
end
local url = said.alert_webhook and cjson.encode(said.alert_webhook) or ARGV[10]
local reserved_name, reservations_name = KEYS[5], KEYS[6]
local claims = {}
local function hand_over(start, most)
  local read = redis.pcall('XREADGROUP', 'GROUP', '${DISPATCHERS}', ARGV[4], 'COUNT', most, 'STREAMS', KEYS[3], start)
  for _, entry in ipairs(read and read[1] and read[1][2] or {}) do
    local id = entry[2] and entry[2][2]
    local record = id and redis.call('HGET', KEYS[4], id)
    if record then claims[#claims + 1] = {entry[1], id, record} end
  end
end
local function alert_id(what)
  return 'vk_' .. redis.sha1hex(table.concat({ARGV[3], label, exact(epoch), what}, '\\n'))
end
local function append(id, payload)
  redis.pcall('XGROUP', 'CREATE', KEYS[3], '${DISPATCHERS}', '0', 'MKSTREAM')
  local record = ARGV[9] .. ',"url":' .. url .. ',"payload":' .. cjson.encode(payload) .. '}'
  if redis.call('HSETNX', KEYS[4], id, record) == 0 then return 0 end
  redis.call('XADD', KEYS[3], '*', 'id', id)
  return 1
end
`
}
