import { type AlertFacts, alertJson } from '../../../schema/alert.ts'
import { answerName, crossedName, partitionOf, seenName } from '../keys.ts'
import { type Claim, type ClaimReply, claimsFrom } from '../outbox/claim.ts'
import { SchemaError } from '../registry/schema-version.ts'
import { RESERVATIONS_LUA, type Reservation } from './reserve.ts'
import { type Connection, run, type Script } from './script.ts'
import {
  LINGER,
  type Seen,
  type Standing,
  type StandingReply,
  standingFrom,
  type Terms,
  termsArgs,
  termsKeys,
} from './terms.ts'
import { termsLua } from './terms-lua.ts'

/** Settlements per `seen` bitmap: 1 KiB, so that a process's idempotence costs about one bit a request. */
const BLOCK = 8192
/** How long a settlement may be sent again after its reply was lost. Unit: seconds. */
const SEEN_FOR = 86_400
/** How long what was counted of an answer is remembered: OpenAI keeps answers for 30 days. Unit: seconds. */
const ANSWER_FOR = 30 * 86_400
/** Most alerts handed over again to a consumer that may have missed them. */
const MOST_PENDING = 100

/** Names a settlement for ever: sending it again, in any order, counts it once. */
export interface SettlementId {
  /** The process. */
  readonly settler: string
  /** Counts up from 0 in each partition of each process. */
  readonly sequence: number
}

/** The usage of one response, ready to be added to its key's total. */
export interface Settlement extends Terms {
  /** At least 0. */
  readonly tokens: number
  /** What the request holds of the budget; released in the same step. */
  readonly reservation?: Reservation
  /** Id of an answer that is counted whenever it is fetched: only what it has beyond what was counted of it before is added. */
  readonly answer?: string
  /** The tokens are an estimate; the alert says so. */
  readonly estimated?: true
  readonly alert: Omit<AlertFacts, 'service'>
}

export type Settled =
  | {
      readonly state: 'settled'
      readonly previous: number
      readonly total: number
      readonly epoch: number
      /** The total, and what goes with it. */
      readonly standing: Standing
      readonly crossed: readonly number[]
      /** There is no webhook for this key's alerts. */
      readonly silent: boolean
      /** Alerts that this process now owns and has to deliver. */
      readonly claims: readonly Claim[]
    }
  /** Counted before: this was a repetition. Its alerts, if the reply that named them was lost, are among `claims`. */
  | {
      readonly state: 'duplicate'
      /** What it crossed when it was counted. */
      readonly crossed: readonly number[]
      /** There was no webhook for this key's alerts then. */
      readonly silent: boolean
      /** The key's total just after it was counted; absent where it crossed nothing. */
      readonly total?: number
      readonly claims: readonly Claim[]
    }
  /** Nothing was changed: it would cross a threshold, and the alert needs the service's label. */
  | { readonly state: 'unlabelled' }

/** Keys and arguments of the script's own, see termsLua. */
const KEYS = 2
const ARGS = 8

/**
 * KEYS as termsLua has them; own: 7 seen  8 what this settlement crossed
 * ARGV as termsLua has them; own: 11 tokens  12 bit of this settlement in `seen`  13 seconds to keep `seen`
 *      14, 15, 16 the alert's JSON before the threshold, before the total, after it; 14 empty = label not known
 *      17 reservation; empty = none  18 name of what was counted of this answer, in the partition of KEYS; empty = it cannot be fetched
 * Reply {'schema', version} | {'unlabelled'}
 *       | {'duplicate', claims, '' or '<total> <1 = there was a webhook> <thresholds crossed, by commas>'}
 *       | {'settled', previous, epoch, thresholds crossed, 1 = there is a webhook, claims, standing}
 *       where claims are {stream id, alert id, record}…, and tokens and standing are as StandingReply says
 *
 * Redis does not undo what a script wrote before it failed, so every key's type is tried before the first write, and the one write
 * that can still fail comes first. A repetition gets what its consumer holds, because the reply that said so may be the lost one.
 * A total expires no earlier than a day from now by Redis's clock, whatever the clocks of gateways say.
 */
export const settleScript: Script = {
  name: 'vkSettle',
  lua: `
${termsLua(KEYS, ARGS)}
${RESERVATIONS_LUA}
if redis.call('GETBIT', KEYS[7], ARGV[12]) == 1 then
  hand_over('0', ${MOST_PENDING})
  return {'duplicate', claims, redis.call('GET', KEYS[8]) or ''}
end
local counted = ARGV[18] ~= '' and tonumber(redis.call('GET', ARGV[18])) or 0
local total = math.min(previous + math.max(0, tonumber(ARGV[11]) - counted), ${Number.MAX_SAFE_INTEGER})
local crossed = {}
local function try(threshold)
  if threshold and previous < threshold and threshold <= total then crossed[#crossed + 1] = threshold end
end
try(count(said.alert_threshold) or tonumber(ARGV[6]))
for threshold in string.gmatch(said.alert_thresholds or ARGV[7], '%d+') do try(tonumber(threshold)) end
for percent in string.gmatch(budget > 0 and (said.alert_percents or ARGV[8]) or '', '%d+') do
  try(math.floor(budget / 100) * percent + math.ceil(budget % 100 * percent / 100))
end
table.sort(crossed)
for i = #crossed, 2, -1 do
  if crossed[i] == crossed[i - 1] then table.remove(crossed, i) end
end
for i, threshold in ipairs(crossed) do crossed[i] = exact(threshold) end
local alerting = #crossed > 0 and url ~= ''
if alerting and ARGV[14] == '' then return {'unlabelled'} end
if alerting then
  redis.call('XLEN', KEYS[3])
  redis.call('HLEN', KEYS[4])
end
local holding = ARGV[17] ~= '' and redis.call('ZSCORE', reservations_name, ARGV[17])
if holding then held() end
redis.call('INCRBY', total_name, exact(total - stored))
redis.call('SETBIT', KEYS[7], ARGV[12], 1)
redis.call('EXPIRE', KEYS[7], ARGV[13])
if ARGV[18] ~= '' then redis.call('SET', ARGV[18], exact(math.max(counted, tonumber(ARGV[11]))), 'EX', ${ANSWER_FOR}) end
if holding then release(ARGV[17]) end
if known_epoch > stored_epoch then redis.call('HSET', KEYS[2], 'epoch', exact(known_epoch)) end
local expires = tonumber(ARGV[window + 2])
if expires > 0 then redis.call('EXPIREAT', total_name, math.max(expires, redis.call('TIME')[1] + ${LINGER})) end
if #crossed > 0 then
  local text = exact(total) .. ' ' .. (url ~= '' and 1 or 0) .. ' ' .. table.concat(crossed, ',')
  redis.call('SET', KEYS[8], text, 'EX', ARGV[13])
end
if alerting then
  local added = 0
  for _, threshold in ipairs(crossed) do
    added = added + append(alert_id(threshold), ARGV[14] .. threshold .. ARGV[15] .. exact(total) .. ARGV[16])
  end
  if added > 0 then hand_over('>', added) end
end
local reserved = ARGV[17] ~= '' and held() or 0
return {'settled', exact(previous), exact(epoch), crossed, url ~= '' and 1 or 0, claims, {exact(budget), exact(total), exact(reserved), at}}
`,
}

/**
 * Adds one response's usage to its key's total and appends the alerts of the thresholds it crosses, as one step.
 * @param service undefined = not known yet
 * @param consumer gets the alerts: another process than the one that named the settlement may settle it
 * @throws SchemaError where Redis holds a newer schema: nothing was changed. ReplyError or a connection's Error; then it may or may not have been counted, and the same id is safe to send again.
 */
export async function settle(
  redis: Connection,
  id: SettlementId,
  settlement: Settlement,
  service: string | undefined,
  known?: Seen,
  consumer = id.settler,
): Promise<Settled> {
  const { keyId, alert } = settlement
  const partition = partitionOf(keyId)
  const seen = seenName(partition, id.settler, Math.floor(id.sequence / BLOCK))
  const json = service === undefined ? { head: '', middle: '', tail: '' } : alertJson({ ...alert, service })
  const own = [
    settlement.tokens,
    id.sequence % BLOCK,
    SEEN_FOR,
    json.head,
    json.middle,
    json.tail,
    settlement.reservation ?? '',
    settlement.answer === undefined ? '' : answerName(keyId, settlement.answer),
  ]
  const reply = await run(
    redis,
    settleScript,
    termsKeys(settlement, [seen, crossedName(partition, id.settler, id.sequence)]),
    termsArgs(settlement, consumer, known, own, settlement.estimated),
  )
  return settledFrom(settlement, partition, reply as Reply)
}

type Reply =
  | ['schema', version: number]
  | ['unlabelled']
  | ['duplicate', claims: ClaimReply, crossing: string]
  | [
      'settled',
      previous: string,
      epoch: string,
      crossed: string[],
      webhook: 0 | 1,
      claims: ClaimReply,
      standing: StandingReply,
    ]

/** What a settlement crossed, as the script has written it down. */
function crossingFrom(text: string): { crossed: readonly number[]; silent: boolean; total?: number } {
  const [total, webhook, thresholds] = text.split(' ')
  if (thresholds === undefined) return { crossed: [], silent: false }
  return { crossed: thresholds.split(',').map(Number), silent: webhook === '0', total: Number(total) }
}

function settledFrom(terms: Terms, partition: number, reply: Reply): Settled {
  switch (reply[0]) {
    case 'schema':
      throw new SchemaError(reply[1])
    case 'unlabelled':
      return { state: reply[0] }
    case 'duplicate':
      return { state: reply[0], ...crossingFrom(reply[2]), claims: claimsFrom(partition, reply[1]) }
  }
  const [state, previous, epoch, crossed, webhook, claims, standing] = reply
  const stands = standingFrom(terms, standing)
  return {
    state,
    previous: Number(previous),
    total: stands.total,
    epoch: Number(epoch),
    standing: stands,
    crossed: crossed.map(Number),
    silent: webhook === 0,
    claims: claimsFrom(partition, claims),
  }
}
