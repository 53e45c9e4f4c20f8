import type { KeyField } from '../../../schema/key.ts'
import { MOST_IDS } from '../metering/invented.ts'
import { generationLua } from '../redis/generation.ts'
import { CLOCK_LUA, exact, whole } from '../redis/lua-text.ts'
import { DISPATCHERS } from '../redis/names.ts'
import { LINGER } from './key-policy.ts'

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
 * Leaves behind: said_<field> for each of FIELDS (text; false or nil where the record says nothing), registered, at (number of the
 * window, from 0), window (position of its first argument), expires, total_name, text (the total as Redis has it, false = none),
 * budget, previous and epoch (as they should be), each of the three also as text, such as budget_text, values[1] (the epoch as Redis
 * has it, false = none), renewed (the caller has seen a newer one), url, reserved_name, reservations_name, none, invented, clock and
 * seconds (CLOCK_LUA fills them; they are there where expires > 0), what generationLua says, and claims (nil until handOverLua).
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
export function policyLua(ownKeys: number, ownArgs: number): string {
  const totals = OWN_KEYS + ownKeys
  const windows = OWN_ARGS + ownArgs
  return `
local schema = redis.call('HMGET', KEYS[1], 'version', 'generation')
local version = schema[1]
if version and version ~= ARGV[1] and version + 0 > ARGV[1] + 0 then return {'schema', version + 0} end
local clock, seconds
local ${FIELDS.map((field) => `said_${field}`).join(', ')}
local values, registered
if ARGV[2] == '1' then
  values = redis.call('HMGET', KEYS[2], 'epoch', 'created_at', '${FIELDS.join("', '")}')
  registered = values[2]
  if registered then
    ${FIELDS.map((field, i) => `said_${field} = values[${i + 3}] ~= '' and values[${i + 3}]`).join('\n    ')}
  end
else
  values = redis.call('HMGET', KEYS[2], 'epoch', 'created_at')
  registered = values[2]
end
local at, window = 0, ${windows}
if said_window then
  for i = 0, #KEYS - ${totals} do
    if ARGV[${windows} + ${PER_WINDOW} * i] == said_window then at = i end
  end
  window = ${windows} + ${PER_WINDOW} * at
end
local expires, total_name = ARGV[window + 2] + 0, KEYS[${totals} + at]
if expires > 0 then
  ${CLOCK_LUA}
  local kind = ARGV[window]
  local longest = kind == 'hour' and 3600 or kind == 'day' and 86400 or kind == 'week' and 604800 or 2678400
  if (expires - ${LINGER} - longest) * 1000 > clock + ${AHEAD} then return {'clock', clock} end
end
local budget_text = ${whole('said_token_budget')} or ARGV[5]
local budget = budget_text + 0
local text = redis.call('GET', total_name)
-- What is no number fails here, before anything is written.
local stored = text and string.match(text, '^%d+$') + 0 or 0
local invented = ARGV[12] == '1' and not registered
if invented and not text then
  ${CLOCK_LUA}
  local forgotten = redis.call('ZSCORE', KEYS[7], ARGV[3])
  if (forgotten or 0) + 0 <= seconds and redis.call('ZCOUNT', KEYS[7], '(' .. seconds, '+inf') >= ${MOST_IDS} then
    return {'full'}
  end
end
local previous, previous_text, epoch_text = stored, text or '0', values[1] or '0'
local epoch = epoch_text + 0
local known_epoch, known_total = ARGV[window + 3] + 0, ARGV[window + 4] + 0
local renewed = known_epoch > epoch
if renewed then epoch, epoch_text = known_epoch, ARGV[window + 3] end
if renewed or known_epoch == epoch and known_total > stored then
  previous, previous_text = known_total, ARGV[window + 4]
end
local url = said_alert_webhook and cjson.encode(said_alert_webhook) or ARGV[10]
local reserved_name, reservations_name, none = KEYS[5], KEYS[6], KEYS[8]
local generation = schema[2]
${generationLua('ARGV[11]')}
local claims
`
}

/** Lua expression: the id of an alert of this key, window and epoch. Comes after termsLua, as do the others. @param what Lua expression */
export function alertIdLua(what: string): string {
  return `'vk_' .. redis.sha1hex(table.concat({generation, ARGV[3], ARGV[window + 1], ${exact('epoch')}, ${what}}, '\\n'))`
}

/** Lua: appends an alert, by HSET and XADD. @param id @param payload its body, both Lua expressions */
export function appendLua(id: string, payload: string): string {
  return `
redis.call('HSET', KEYS[4], ${id}, ARGV[9] .. ',"url":' .. url .. ',"payload":' .. cjson.encode(${payload}) .. '}')
redis.call('XADD', KEYS[3], '*', 'id', ${id})
`
}

/** Lua: `claims` is what the consumer now holds. @param start as XREADGROUP has it: '>' = new alerts, '0' = its own @param most Lua expression */
export function handOverLua(start: '>' | '0', most: string): string {
  return `
local function read_group()
  return redis.pcall('XREADGROUP', 'GROUP', '${DISPATCHERS}', ARGV[4], 'COUNT', ${most}, 'STREAMS', KEYS[3], '${start}')
end
local read = read_group()
if read and read.err then
  redis.pcall('XGROUP', 'CREATE', KEYS[3], '${DISPATCHERS}', '0', 'MKSTREAM')
  read = read_group()
end
claims = {}
for _, entry in ipairs(read and read[1] and read[1][2] or {}) do
  local id = entry[2] and entry[2][2]
  local record = id and redis.pcall('HGET', KEYS[4], id)
  if type(record) == 'string' then claims[#claims + 1] = {entry[1], id, record} end
end
`
}
