import { alertJson } from '../../../schema/alert.ts'
import { KEEP_SUM_LUA, RESERVED_LUA, tokensLua } from '../admission/reserve.ts'
import { type Claim, type ClaimReply, claimsFrom } from '../outbox/claim.ts'
import {
  type AskAgain,
  askedAgain,
  type KeyPolicy,
  LINGER,
  policyArgs,
  policyKeys,
  type QuotaReply,
  type QuotaStatus,
  quotaFrom,
  type Snapshots,
} from '../policy/key-policy.ts'
import { alertIdLua, appendLua, handOverLua, policyLua } from '../policy/policy-lua.ts'
import { GRACE, KEEP_GENERATION_LUA } from '../redis/generation.ts'
import { CLOCK_LUA, exact, whole } from '../redis/lua-text.ts'
import { answerName, crossedName, noneName, partitionOf, settledName } from '../redis/names.ts'
import { SchemaError } from '../redis/schema-version.ts'
import { type Connection, run, type Script } from '../redis/script.ts'
import { FORGET_AFTER, FORGET_STEP } from './invented.ts'
import type { UsageRecord } from './usage-record.ts'

/** Settlements per `seen` bitmap: 32 bytes, which Redis keeps with their name, and few enough to be written anew each time. */
const BLOCK = 256
/** How long a settlement may be sent again after its reply was lost. Unit: seconds. */
const SEEN_FOR = 86_400
/** How long what was counted of an answer is remembered: OpenAI keeps answers for 30 days. Unit: seconds. */
const ANSWER_FOR = 30 * 86_400
/** Most alerts handed over again to a consumer that may have missed them. */
const MOST_PENDING = 100

export type Settled =
  | {
      readonly state: 'settled'
      /** The key that it was counted for: that of the record, or the overflow id of its partition. */
      readonly keyId: string
      readonly previous: number
      readonly total: number
      readonly epoch: number
      /** The total, and what goes with it. */
      readonly quota: QuotaStatus
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

/** Redis has lost data a moment ago: this crossing is judged when every process has told what it knew of the counters. */
export class RestoringError extends Error {
  override readonly name = 'RestoringError'

  constructor() {
    super('Redis has lost data, and a threshold is not judged before all gateways have told what they knew')
  }
}

/** Keys and arguments of the script's own, see termsLua. */
const KEYS = 3
const ARGS = 8

/** Lua: notes `threshold` where the total crosses it. */
const NOTE_CROSSING = `
if previous < threshold and threshold <= total then
  crossed = crossed or {}
  crossed[#crossed + 1] = threshold
end
`

/**
 * KEYS as termsLua has them; own: 9 seen  10 what this settlement crossed  11 what was counted of this answer; none = it cannot be fetched
 * ARGV as termsLua has them; own: 13 tokens  14, 15 byte (from 1) and value of this settlement's bit in `seen`
 *      16 seconds to keep both
 *      17, 18, 19 the alert's JSON before the threshold, before the total, after it; 17 empty = label not known
 *      20 reservation; empty = none
 * Reply what termsLua may return | {'unlabelled'} | {'restoring', news}
 *       | {'duplicate', claims, '' or '<total> <1 = there was a webhook> <thresholds crossed, by commas>'}
 *       | {'settled', previous, epoch, 1 = there is a webhook, news, standing…, thresholds crossed, claims}
 *       where claims are {stream id, alert id, record}…, tokens and standing are as StandingReply says, and news is the partition's
 *       generation, where it is not the one that the caller knows; else empty. Thresholds and claims are absent where there are none:
 *       each table in a reply costs Redis as much as many texts.
 *
 * The common case writes with SET alone, which proves itself. A repetition gets what its consumer holds, because the reply that
 * said so may be the lost one. A total expires no earlier than a day from now by Redis's clock, whatever the clocks of gateways
 * say; that of a key that is not registered and not used is forgotten.
 */
export const settleScript: Script = {
  name: 'vkSettle',
  lua: `
${policyLua(KEYS, ARGS)}
local seen, place, bit = redis.call('GET', KEYS[9]) or '', ARGV[14] + 0, ARGV[15] + 0
local byte = string.byte(seen, place) or 0
if byte / bit % 2 >= 1 then
  local crossing = redis.call('GET', KEYS[10])
  if crossing then
    ${handOverLua('0', String(MOST_PENDING))}
  end
  return {'duplicate', claims or {}, crossing or ''}
end
local tokens, counted, total = ARGV[13] + 0, 0, previous
local answered = KEYS[11] ~= none and KEYS[11]
if answered then counted = (redis.call('GET', answered) or 0) + 0 end
if tokens > counted then total = previous + (tokens - counted) end
if total > ${Number.MAX_SAFE_INTEGER} then total = ${Number.MAX_SAFE_INTEGER} end
local total_text = ${exact('total')}
local crossed
local threshold = (${whole('said_alert_threshold')} or ARGV[6]) + 0
${NOTE_CROSSING}
local thresholds = said_alert_thresholds or ARGV[7]
if thresholds ~= '' then
  for one in string.gmatch(thresholds, '%d+') do
    local threshold = one + 0
    ${NOTE_CROSSING}
  end
end
local percents = budget > 0 and (said_alert_percents or ARGV[8]) or ''
if percents ~= '' then
  for percent in string.gmatch(percents, '%d+') do
    local threshold = math.floor(budget / 100) * percent + math.ceil(budget % 100 * percent / 100)
    ${NOTE_CROSSING}
  end
end
local appending
if crossed then
  appending = {}
  table.sort(crossed)
  for i = #crossed, 2, -1 do
    if crossed[i] == crossed[i - 1] then table.remove(crossed, i) end
  end
  local since = lost or tonumber(redis.call('HGET', KEYS[1], 'lost') or nil)
  if since then
    ${CLOCK_LUA}
    if clock >= since and clock < since + ${GRACE} then
      ${KEEP_GENERATION_LUA}
      return {'restoring', news}
    end
  end
  if url ~= '' and ARGV[17] == '' then return {'unlabelled'} end
  for i, threshold in ipairs(crossed) do
    crossed[i] = ${exact('threshold')}
    local id = url ~= '' and ${alertIdLua('crossed[i]')}
    if id and redis.call('HEXISTS', KEYS[4], id) == 0 then appending[#appending + 1] = {id, crossed[i]} end
  end
  if #appending == 0 then appending = nil end
end
local holding, reserved = false, 0
if ARGV[20] ~= '' then
  holding = redis.call('ZSCORE', reservations_name, ARGV[20])
  ${RESERVED_LUA}
  if holding then reserved = math.max(reserved - ${tokensLua('ARGV[20]')}, 0) end
end
-- The text that the caller sent, unless the window is over by Redis's clock.
local lasts = expires > 0 and ARGV[window + 2]
if lasts and expires < seconds + ${LINGER} then lasts = ${exact(`seconds + ${LINGER}`)} end
local has_epoch = values[1] or renewed
-- Of most keys only the total is forgotten, and its time is written anew with it. What else there is follows once a day.
local more = has_epoch or invented
local forgetting = not registered and (not text or more and not lasts and redis.call('TTL', total_name) < ${FORGET_AFTER - FORGET_STEP})
local remembering = forgetting and invented
if remembering then
  ${CLOCK_LUA}
  redis.call('ZCARD', KEYS[7])
  redis.call('ZADD', none, 'XX', '0', 'x')
  redis.call('ZREMRANGEBYSCORE', none, '0', '0')
end
if appending then
  redis.call('XLEN', KEYS[3])
  redis.call('XADD', none, 'NOMKSTREAM', '*', 'x', 'x')
end
if holding then redis.call('ZREM', none, 'x') end
if forgetting and has_epoch then redis.call('EXPIRE', none, '1') end
if born or lost or renewed or appending then redis.call('SET', none, '', 'XX') end
${KEEP_GENERATION_LUA}
if renewed then redis.call('HSET', KEYS[2], 'epoch', epoch_text) end
for _, alert in ipairs(appending or {}) do
  ${appendLua('alert[1]', 'ARGV[17] .. alert[2] .. ARGV[18] .. total_text .. ARGV[19]')}
end
if lasts then
  redis.call('SET', total_name, total_text, 'EXAT', lasts)
elseif registered then
  redis.call('SET', total_name, total_text)
elseif forgetting or not more then
  redis.call('SET', total_name, total_text, 'EX', '${FORGET_AFTER}')
else
  redis.call('SET', total_name, total_text, 'KEEPTTL')
end
local before, after = string.sub(seen, 1, place - 1), ''
if #before < place - 1 then before = before .. string.rep('\0', place - 1 - #before) end
if place < #seen then after = string.sub(seen, place + 1) end
redis.call('SET', KEYS[9], before .. string.char(byte + bit) .. after, 'EX', ARGV[16])
if answered then redis.call('SET', answered, ${exact('math.max(counted, tokens)')}, 'EX', '${ANSWER_FOR}') end
if holding then
  redis.call('ZREM', reservations_name, ARGV[20])
  ${KEEP_SUM_LUA}
end
if forgetting and has_epoch then redis.call('EXPIRE', KEYS[2], '${FORGET_AFTER}') end
if remembering then
  redis.call('ZADD', KEYS[7], 'GT', lasts or ${exact(`seconds + ${FORGET_AFTER}`)}, ARGV[3])
  redis.call('ZREMRANGEBYSCORE', KEYS[7], '-inf', seconds)
end
local webhook = url ~= '' and 1 or 0
if crossed then redis.call('SET', KEYS[10], total_text .. ' ' .. webhook .. ' ' .. table.concat(crossed, ','), 'EX', ARGV[16]) end
if appending then
  ${handOverLua('>', '#appending')}
end
local reserved_text = reserved == 0 and '0' or ${exact('reserved')}
return {'settled', previous_text, epoch_text, webhook, news, budget_text, total_text, reserved_text, at, crossed, claims}
`,
}

/**
 * Adds one response's usage to its key's total and appends the alerts of the thresholds it crosses, as one step.
 * @param consumer gets the alerts: another process than the one that made the record may settle it
 * @throws SchemaError where Redis holds a newer schema: nothing was changed. ReplyError or a connection's Error; then it may or may not have been counted, and the same id is safe to send again.
 */
export async function settle(
  redis: Connection,
  record: UsageRecord,
  known?: Snapshots,
  consumer = record.id.processId,
): Promise<Settled> {
  const { id, service } = record
  const partition = partitionOf(record.keyId)
  const place = id.sequence % BLOCK
  const names = [
    settledName(partition, id.processId, Math.floor(id.sequence / BLOCK)),
    crossedName(partition, id.processId, id.sequence),
  ]
  for (let asked = record; ; ) {
    // Of an overflow id the alert tells that id: the one that was sent has no total of its own.
    const alert = { ...asked.alert, key_id: asked.keyId }
    const json = service === undefined ? { head: '', middle: '', tail: '' } : alertJson({ ...alert, service })
    const own = [
      asked.tokens,
      (place >> 3) + 1,
      128 >> (place & 7),
      SEEN_FOR,
      json.head,
      json.middle,
      json.tail,
      asked.reservation ?? '',
    ]
    const answer = asked.answer === undefined ? noneName(partition) : answerName(asked.keyId, asked.answer)
    const args = policyArgs(asked, consumer, known, own, asked.estimated)
    const reply = (await run(redis, settleScript, policyKeys(asked, [...names, answer]), args)) as Reply
    if (reply[0] === 'clock' || reply[0] === 'full') asked = askedAgain(asked, reply)
    else return settledFrom(asked, partition, reply, known)
  }
}

type Reply = AskAgain | Answer

type Answer =
  | ['schema', version: number]
  | ['unlabelled']
  | ['restoring', news: string]
  | ['duplicate', claims: ClaimReply, crossing: string]
  | [
      'settled',
      previous: string,
      epoch: string,
      webhook: 0 | 1,
      news: string,
      ...quota: QuotaReply,
      crossed?: string[],
      claims?: ClaimReply,
    ]

/** What a settlement crossed, as the script has written it down. */
function crossingFrom(text: string): { crossed: readonly number[]; silent: boolean; total?: number } {
  const [total, webhook, thresholds] = text.split(' ')
  if (thresholds === undefined) return { crossed: [], silent: false }
  return { crossed: thresholds.split(',').map(Number), silent: webhook === '0', total: Number(total) }
}

function settledFrom(
  policy: KeyPolicy,
  partition: number,
  reply: Answer,
  known: Snapshots | undefined,
): Settled {
  switch (reply[0]) {
    case 'schema':
      throw new SchemaError(reply[1])
    case 'unlabelled':
      return { state: reply[0] }
    case 'restoring':
      if (reply[1] !== '') known?.meet?.(partition, reply[1])
      throw new RestoringError()
    case 'duplicate':
      return { state: reply[0], ...crossingFrom(reply[2]), claims: claimsFrom(partition, reply[1]) }
  }
  const [state, previous, epoch, webhook, news, budget, total, reserved, at, crossed = [], claims = []] =
    reply
  if (news !== '') known?.meet?.(partition, news)
  const stands = quotaFrom(policy, [budget, total, reserved, at])
  return {
    state,
    keyId: policy.keyId,
    previous: Number(previous),
    total: stands.total,
    epoch: Number(epoch),
    quota: stands,
    crossed: crossed.map(Number),
    silent: webhook === 0,
    claims: claimsFrom(partition, claims),
  }
}
