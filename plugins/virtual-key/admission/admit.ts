import { type BudgetAlertFacts, budgetAlertJson } from '../../../schema/alert.ts'
import { FORGET_AFTER } from '../metering/invented.ts'
import { type Claim, type ClaimReply, claimsFrom } from '../outbox/claim.ts'
import {
  type AskAgain,
  askedAgain,
  type KeyPolicy,
  policyArgs,
  policyKeys,
  type QuotaReply,
  type QuotaStatus,
  quotaFrom,
  type Snapshots,
} from '../policy/key-policy.ts'
import { alertIdLua, appendLua, handOverLua, policyLua } from '../policy/policy-lua.ts'
import { KEEP_GENERATION_LUA } from '../redis/generation.ts'
import { CLOCK_LUA, exact, whole } from '../redis/lua-text.ts'
import { partitionOf } from '../redis/names.ts'
import { SchemaError } from '../redis/schema-version.ts'
import { type Connection, run, type Script } from '../redis/script.ts'
import { KEEP_SUM_LUA, MOST_EXPIRED, RESERVED_LUA, type Reservation, tokensLua, tokensOf } from './reserve.ts'

/** How long a request may hold tokens before it counts as crashed. Longer than any LLM answer. Unit: milliseconds. */
export const LONGEST_RESERVATION = 900_000

/** One request that asks to pass. */
export interface AdmissionRequest extends KeyPolicy {
  /** A key that is not in the registry may not pass. */
  readonly denyUnknown: boolean
  /** What the request does, where that is known. Only a key of scope `read` makes it matter. */
  readonly method?: 'read' | 'write'
  /** What the request would hold of the budget. */
  readonly reservation?: Reservation
  readonly alert: Omit<BudgetAlertFacts, 'service'>
}

/** Why a key may not pass. */
export type DenyReason = 'unknown' | 'disabled' | 'expired' | 'scope' | 'used' | 'budget'

export type Admitted =
  | { readonly state: 'admitted'; readonly quota: QuotaStatus }
  | {
      readonly state: DenyReason
      readonly quota: QuotaStatus
      /** The first rejection for the budget in this window and epoch. */
      readonly first: boolean
      /** There is no webhook for this key's alerts. */
      readonly silent: boolean
      /** Alerts that this process now owns and has to deliver. */
      readonly claims: readonly Claim[]
    }
  /** Nothing was changed: the key is of scope `read`, and what the request does has to be known. */
  | { readonly state: 'method' }
  /** Nothing was changed: it is the first rejection, and its alert needs the service's label. */
  | { readonly state: 'unlabelled' }

/** Arguments of the script's own, see termsLua. */
const ARGS = 9
/** Windows of one kind whose first rejection is remembered: those of gateways whose clocks differ, and of a moment ago. */
const MOST_MARKS = 3

/** Lua: refuses. @param reserved @param first both Lua expressions */
function denied(why: DenyReason, reserved = "'0'", first = '0'): string {
  return `return {'${why}', budget_text, previous_text, ${reserved}, at, ${first}, webhook, claims}`
}

/** Lua: what has expired goes, by ZREM and SET. */
const EXPIRE_OLD = `
if old then
  redis.call('ZREM', reservations_name, unpack(old))
  ${KEEP_SUM_LUA}
end
`

/**
 * KEYS as termsLua has them
 * ARGV as termsLua has them; own: 13 '1' = refuse a key that is not registered  14 'read' | 'write' | '' = not known
 *      15 reservation, empty = none  16 its tokens  17 milliseconds that it may last
 *      18, 19, 20, 21 JSON of the alert before the budget, the total, the reserved tokens, after them; 18 empty = label not known
 * Reply what termsLua may return | {'method'} | {'unlabelled'} | {'admitted', standing…}
 *       | {why not, standing…, 1 = first, 1 = there is a webhook, claims}, the claims being absent where there are none
 *
 * Everything that one request changes (a one-shot key used up, tokens reserved, the first rejection marked) happens here or not at
 * all. Times are by Redis's clock, so that gateways need not agree on theirs. A mark is `<window label> <epoch> <budget>`: it says
 * nothing about another window, be it one of the future, nor about a greater budget. A Redis that cannot write (no memory, a disk
 * that failed) still refuses who is over the budget; the first rejection is then the first that it can write down. A request that
 * asks for more than the whole budget is refused without an alert: it says nothing about what was spent.
 */
export const admitScript: Script = {
  name: 'vkAdmit',
  lua: `
${policyLua(0, ARGS)}
local webhook = url ~= '' and 1 or 0
if ARGV[2] == '1' and not registered and ARGV[13] == '1' then ${denied('unknown')} end
if said_disabled == '1' then ${denied('disabled')} end
local expires_at = ${whole('said_expires_at')}
if expires_at then
  ${CLOCK_LUA}
  if expires_at + 0 <= clock then ${denied('expired')} end
end
if said_scope == 'read' then
  if ARGV[14] == '' then return {'method'} end
  if ARGV[14] ~= 'read' then ${denied('scope')} end
end
if said_one_shot == '1' then
  if said_used_at then ${denied('used')} end
  ${CLOCK_LUA}
end
-- \`old\`: the reservations that have expired; nil = none.
local wanted, reserved, old = 0, 0, nil
if ARGV[15] ~= '' and budget > 0 then
  wanted = ARGV[16] + 0
  ${CLOCK_LUA}
  old = redis.call('ZRANGEBYSCORE', reservations_name, '-inf', clock, 'LIMIT', '0', '${MOST_EXPIRED}')
  ${RESERVED_LUA}
  if #old == 0 then old = nil end
  for _, reservation in ipairs(old or {}) do reserved = reserved - ${tokensLua('reservation')} end
  if reserved < 0 then reserved = 0 end
end
if budget > 0 and (previous >= budget or previous + reserved + wanted > budget) then
  local field, first, marks, reserved_text = 'exceeded:' .. ARGV[window], wanted <= budget, {}, ${exact('reserved')}
  local label = ARGV[window + 1]
  if first then
    for of, at_epoch, at_budget in string.gmatch(redis.call('HGET', KEYS[2], field) or '', '(%S+) (%d+) (%d+)') do
      if of ~= label then
        marks[#marks + 1] = of .. ' ' .. at_epoch .. ' ' .. at_budget
      elseif at_epoch + 0 > epoch or at_epoch + 0 == epoch and at_budget + 0 >= budget then
        first = false
      end
    end
  end
  local id
  if first and url ~= '' then
    if ARGV[18] == '' then return {'unlabelled'} end
    redis.call('XLEN', KEYS[3])
    id = ${alertIdLua(`'budget ' .. ${exact('budget')}`)}
    if redis.call('HEXISTS', KEYS[4], id) == 1 then id = nil end
  end
  local function may(...)
    local reply = redis.pcall(...)
    return type(reply) ~= 'table' or not reply.err
  end
  local able = (not id or may('XADD', none, 'NOMKSTREAM', '*', 'x', 'x'))
    and (not old or may('ZREM', none, 'x'))
    and (not first or registered or may('EXPIRE', none, '1'))
    and may('SET', none, '', 'XX')
  if able and first then
    marks[#marks + 1] = label .. ' ' .. ${exact('epoch')} .. ' ' .. ${exact('budget')}
    able = may('HSET', KEYS[2], field, table.concat(marks, ' ', math.max(1, #marks - ${MOST_MARKS - 1})))
  end
  if not able then ${denied('budget', 'reserved_text')} end
  ${EXPIRE_OLD}
  if first and not registered then redis.call('EXPIRE', KEYS[2], '${FORGET_AFTER}') end
  if id then
    ${KEEP_GENERATION_LUA}
    local payload = ARGV[18] .. ${exact('budget')} .. ARGV[19] .. ${exact('previous')} .. ARGV[20] .. reserved_text .. ARGV[21]
    ${appendLua('id', 'payload')}
    ${handOverLua('>', "'1'")}
  end
  ${denied('budget', 'reserved_text', 'first and 1 or 0')}
end
if wanted > 0 or old then
  if old then redis.call('ZREM', none, 'x') end
  if said_one_shot == '1' then redis.call('ZADD', none, 'XX', '0', 'x') end
  redis.call('PEXPIRE', none, '1')
  redis.call('SET', none, '', 'XX')
end
if said_one_shot == '1' then redis.call('HSET', KEYS[2], 'used_at', ${exact('clock')}) end
if wanted > 0 then
  redis.call('ZADD', reservations_name, clock + ARGV[17], ARGV[15])
  reserved = reserved + wanted
  redis.call('PEXPIRE', reservations_name, 2 * ARGV[17])
  if old then redis.call('ZREM', reservations_name, unpack(old)) end
  ${KEEP_SUM_LUA}
else
  ${EXPIRE_OLD}
end
return {'admitted', budget_text, previous_text, reserved == 0 and '0' or ${exact('reserved')}, at}
`,
}

/**
 * Decides about one request by its key's settings and total, as one step.
 * @param consumer the dispatcher that takes over the alert of a first rejection
 * @param service the label of that alert; undefined = not known yet
 * @param hold milliseconds that the reservation may last
 * @throws SchemaError where Redis holds a newer schema. ReplyError or a connection's Error; then the request may hold its reservation.
 */
export async function admit(
  redis: Connection,
  consumer: string,
  request: AdmissionRequest,
  service: string | undefined,
  known?: Snapshots,
  hold = LONGEST_RESERVATION,
): Promise<Admitted> {
  const { denyUnknown, method, reservation } = request
  const partition = partitionOf(request.keyId)
  for (let asked = request; ; ) {
    const alert = { ...asked.alert, key_id: asked.keyId }
    const json = service === undefined ? ['', '', '', ''] : budgetAlertJson({ ...alert, service })
    const own = [
      denyUnknown ? 1 : 0,
      method ?? '',
      reservation ?? '',
      reservation === undefined ? 0 : tokensOf(reservation),
      hold,
      ...json,
    ]
    const args = policyArgs(asked, consumer, known, own)
    const reply = (await run(redis, admitScript, policyKeys(asked, []), args)) as Reply
    if (reply[0] === 'full' && denyUnknown) return noRoom(asked)
    if (reply[0] === 'clock' || reply[0] === 'full') asked = askedAgain(asked, reply)
    else return admittedFrom(asked, partition, reply)
  }
}

/** Where a key is required, an id that may be invented and for which there is no room is none. */
function noRoom({ budget, windows: [window] }: AdmissionRequest): Admitted {
  if (window === undefined) throw new Error('a request without a window')
  return {
    state: 'unknown',
    quota: { budget, total: 0, reserved: 0, window },
    first: false,
    silent: true,
    claims: [],
  }
}

type Reply = AskAgain | Answer

type Answer =
  | readonly ['schema', version: number]
  | readonly ['method' | 'unlabelled']
  | readonly ['admitted', ...quota: QuotaReply]
  | readonly [DenyReason, ...quota: QuotaReply, first: 0 | 1, webhook: 0 | 1, claims?: ClaimReply]

function admittedFrom(policy: KeyPolicy, partition: number, reply: Answer): Admitted {
  switch (reply[0]) {
    case 'schema':
      throw new SchemaError(reply[1])
    case 'method':
    case 'unlabelled':
      return { state: reply[0] }
  }
  const [state, budget, total, reserved, at] = reply
  const quota = quotaFrom(policy, [budget, total, reserved, at])
  if (state === 'admitted') return { state, quota }
  const [, , , , , first, webhook, claims = []] = reply
  return { state, quota, first: first === 1, silent: webhook === 0, claims: claimsFrom(partition, claims) }
}
