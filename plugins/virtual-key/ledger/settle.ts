import { type AlertFacts, alertJson } from '../../../schema/alert.ts'
import { DISPATCHERS, keyName, outboxNames, partitionOf, seenName, totalName } from '../keys.ts'
import { type Claim, type ClaimReply, claimsFrom } from '../outbox/claim.ts'
import type { Format } from '../outbox/format.ts'
import type { Window } from '../window.ts'
import { type Connection, run, type Script } from './script.ts'

/** Settlements per `seen` bitmap: 1 KiB, so that a process's idempotence costs about one bit a request. */
const BLOCK = 8192
/** How long a settlement may be sent again after its reply was lost. Unit: seconds. */
const SEEN_FOR = 86_400
/** Counters outlive their window, so that a settlement that waited while Redis was away still finds its own. Unit: seconds. */
const LINGER = 86_400
/** Most alerts handed over again to a consumer that may have missed them. */
const MOST_PENDING = 100

/** Names a settlement for ever: sending it again, in any order, counts it once. */
export interface SettlementId {
  /** The process. */
  readonly settler: string
  /** Counts up from 0 in each partition of each process. */
  readonly sequence: number
}

/** The last state of a key's counter that this process has seen in a reply. */
export interface Known {
  readonly epoch: number
  readonly total: number
}

/** The usage of one response, ready to be added to its key's total. */
export interface Settlement {
  readonly keyId: string
  /** At least 0. */
  readonly tokens: number
  readonly window: Window
  /** Tokens, ascending. */
  readonly thresholds: readonly number[]
  /** The tokens are an estimate; the alert says so. */
  readonly estimated?: true
  readonly alert: Omit<AlertFacts, 'service'>
  /** Where alerts of a crossing go and how; absent: a crossing is only reported back. */
  readonly target?: Target
}

/** Everything about a delivery but its body. The signing key itself stays out of Redis: `signer` names it. */
export interface Target {
  readonly url: string
  readonly signer?: string
  /** Milliseconds for one attempt. */
  readonly timeout: number
  readonly allowPrivateNetworks: boolean
  readonly format: Format
}

export type Settled =
  | {
      readonly state: 'settled'
      readonly previous: number
      readonly total: number
      readonly epoch: number
      readonly crossed: readonly number[]
      /** Alerts that this process now owns and has to deliver. */
      readonly claims: readonly Claim[]
    }
  /** Counted before: this was a repetition. Its alerts, if the reply that named them was lost, are among `claims`. */
  | { readonly state: 'duplicate'; readonly claims: readonly Claim[] }
  /** Nothing was changed: it would cross a threshold, and the alert needs the service's label. */
  | { readonly state: 'unlabelled' }

/**
 * KEYS 1 total  2 key  3 seen  4 outbox  5 alerts
 * ARGV 1 tokens  2 bit of this settlement in `seen`  3 seconds to keep `seen`
 *      4 seconds since 1970 at which the total expires, 0 = never
 *      5, 6 epoch and total that the caller last saw, 0 and 0 = none
 *      7 key id  8 window label  9 consumer that takes new alerts
 *      10, 11, 12 the alert's JSON before the threshold, before the total, after it; 10 empty = label not known
 *      13 the record's JSON before its payload; empty = no webhook
 *      14… thresholds, ascending
 * Reply {'duplicate', claims} | {'unlabelled'} | {'settled', previous, total, epoch, thresholds crossed, claims}
 *       where claims are {stream id, alert id, record}…, and tokens are decimal text: the client's parser rounds the largest integers
 *
 * A counter below what the caller saw in the same epoch was lost (flush, failover to an old replica) and is put back first, so
 * that thresholds which have fired do not fire again.
 *
 * Redis does not undo what a script wrote before it failed, so every key's type is tried before the first write, and the one write
 * that can still fail comes first. A repetition gets what its consumer holds, because the reply that said so may be the lost one.
 */
export const settleScript: Script = {
  name: 'vkSettle',
  lua: `
local claims = {}
local function exact(number) return string.format('%.0f', number) end
local function hand_over(start, count)
  local read = redis.pcall('XREADGROUP', 'GROUP', '${DISPATCHERS}', ARGV[9], 'COUNT', count, 'STREAMS', KEYS[4], start)
  for _, entry in ipairs(read and read[1] and read[1][2] or {}) do
    local id = entry[2] and entry[2][2]
    local record = id and redis.call('HGET', KEYS[5], id)
    if record then claims[#claims + 1] = {entry[1], id, record} end
  end
end
if redis.call('GETBIT', KEYS[3], ARGV[2]) == 1 then
  hand_over('0', ${MOST_PENDING})
  return {'duplicate', claims}
end
local stored = tonumber(redis.call('GET', KEYS[1]) or 0)
local stored_epoch = tonumber(redis.call('HGET', KEYS[2], 'epoch') or 0)
local epoch = stored_epoch
local known_epoch, known_total = tonumber(ARGV[5]), tonumber(ARGV[6])
local previous = stored
if known_epoch > epoch then
  epoch, previous = known_epoch, known_total
elseif known_epoch == epoch and known_total > stored then
  previous = known_total
end
local total = math.min(previous + tonumber(ARGV[1]), ${Number.MAX_SAFE_INTEGER})
local crossed = {}
for i = 14, #ARGV do
  local threshold = tonumber(ARGV[i])
  if previous < threshold and threshold <= total then crossed[#crossed + 1] = exact(threshold) end
end
local alerting = #crossed > 0 and ARGV[13] ~= ''
if alerting and ARGV[10] == '' then return {'unlabelled'} end
if alerting then
  redis.call('XLEN', KEYS[4])
  redis.call('HLEN', KEYS[5])
end
redis.call('INCRBY', KEYS[1], exact(total - stored))
redis.call('SETBIT', KEYS[3], ARGV[2], 1)
redis.call('EXPIRE', KEYS[3], ARGV[3])
if known_epoch > stored_epoch then redis.call('HSET', KEYS[2], 'epoch', ARGV[5]) end
if ARGV[4] ~= '0' then redis.call('EXPIREAT', KEYS[1], ARGV[4]) end
if alerting then
  redis.pcall('XGROUP', 'CREATE', KEYS[4], '${DISPATCHERS}', '0', 'MKSTREAM')
  local added = 0
  for _, threshold in ipairs(crossed) do
    local id = 'vk_' .. redis.sha1hex(table.concat({ARGV[7], ARGV[8], exact(epoch), threshold}, '\\n'))
    local payload = ARGV[10] .. threshold .. ARGV[11] .. exact(total) .. ARGV[12]
    if redis.call('HSETNX', KEYS[5], id, ARGV[13] .. cjson.encode(payload) .. '}') == 1 then
      redis.call('XADD', KEYS[4], '*', 'id', id)
      added = added + 1
    end
  end
  if added > 0 then hand_over('>', added) end
end
return {'settled', exact(previous), exact(total), epoch, crossed, claims}
`,
}

/**
 * Adds one response's usage to its key's total and appends the alerts of the thresholds it crosses, as one step.
 * `service`: undefined = not known yet. `consumer`: the dispatcher that takes the alerts over.
 * @throws ReplyError or a connection's Error; then it may or may not have been counted, and the same id is safe to send again.
 */
export async function settle(
  redis: Connection,
  id: SettlementId,
  settlement: Settlement,
  service: string | undefined,
  known: Known | undefined,
): Promise<Settled> {
  const { keyId, window, target, alert } = settlement
  const partition = partitionOf(keyId)
  const { outbox, alerts } = outboxNames(partition)
  const seen = seenName(partition, id.settler, Math.floor(id.sequence / BLOCK))
  const json = service === undefined ? { head: '', middle: '', tail: '' } : alertJson({ ...alert, service })
  const reply = await run(
    redis,
    settleScript,
    [totalName(keyId, window.label), keyName(keyId), seen, outbox, alerts],
    [
      settlement.tokens,
      id.sequence % BLOCK,
      SEEN_FOR,
      window.end === undefined ? 0 : Math.ceil(window.end / 1000) + LINGER,
      known?.epoch ?? 0,
      known?.total ?? 0,
      keyId,
      window.label,
      id.settler,
      json.head,
      json.middle,
      json.tail,
      target === undefined ? '' : recordHead(settlement, target),
      ...settlement.thresholds,
    ],
  )
  return settledFrom(partition, reply as Reply)
}

/** The record of an alert, see outbox/record.ts, up to the value of its last member, which the script adds. */
function recordHead({ keyId, estimated }: Settlement, target: Target): string {
  return `${JSON.stringify({ keyId, ...target, estimated, attempts: [] }).slice(0, -1)},"payload":`
}

type Reply =
  | ['unlabelled']
  | ['duplicate', claims: ClaimReply]
  | ['settled', previous: string, total: string, epoch: number, crossed: string[], claims: ClaimReply]

function settledFrom(partition: number, reply: Reply): Settled {
  if (reply[0] === 'unlabelled') return { state: reply[0] }
  if (reply[0] === 'duplicate') return { state: reply[0], claims: claimsFrom(partition, reply[1]) }
  const [state, previous, total, epoch, crossed, claims] = reply
  return {
    state,
    previous: Number(previous),
    total: Number(total),
    epoch,
    crossed: crossed.map(Number),
    claims: claimsFrom(partition, claims),
  }
}
