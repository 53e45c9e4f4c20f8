import { type BudgetAlertFacts, budgetAlertJson } from '../../../schema/alert.ts'
import { partitionOf } from '../keys.ts'
import { type Claim, type ClaimReply, claimsFrom } from '../outbox/claim.ts'
import { SchemaError } from '../registry/schema-version.ts'
import { RESERVATIONS_LUA, type Reservation, tokensOf } from './reserve.ts'
import { type Connection, run, type Script } from './script.ts'
import {
  type Seen,
  type Standing,
  type StandingReply,
  standingFrom,
  type Terms,
  termsArgs,
  termsKeys,
} from './terms.ts'
import { termsLua } from './terms-lua.ts'

/** How long a request may hold tokens before it counts as crashed. Longer than any LLM answer. Unit: milliseconds. */
export const LONGEST_HOLD = 900_000

/** One request that asks to pass. */
export interface Question extends Terms {
  /** A key that is not in the registry may not pass. */
  readonly refuseUnknown: boolean
  /** What the request does, where that is known. Only a key of scope `read` makes it matter. */
  readonly method?: 'read' | 'write'
  /** What the request would hold of the budget. */
  readonly reservation?: Reservation
  readonly alert: Omit<BudgetAlertFacts, 'service'>
}

/** Why a key may not pass. */
export type Refused = 'unknown' | 'disabled' | 'expired' | 'scope' | 'used' | 'budget'

export type Admitted =
  | { readonly state: 'admitted'; readonly standing: Standing }
  | {
      readonly state: Refused
      readonly standing: Standing
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

/**
 * KEYS as termsLua has them
 * ARGV as termsLua has them; own: 11 '1' = refuse a key that is not registered  12 'read' | 'write' | '' = not known
 *      13 reservation, empty = none  14 its tokens  15 milliseconds that it may last
 *      16, 17, 18, 19 JSON of the alert before the budget, the total, the reserved tokens, after them; 16 empty = label not known
 * Reply {'schema', version} | {'method'} | {'unlabelled'} | {state, standing, 1 = first, 1 = there is a webhook, claims}
 *
 * Everything that one request changes (a one-shot key used up, tokens reserved, the first rejection marked) happens here or not at
 * all. Times are by Redis's clock, so that gateways need not agree on theirs. Window labels of one kind sort by time: a gateway
 * whose clock is behind does not mark an old window again. A Redis that cannot write (no memory, a disk that failed) still refuses
 * who is over the budget; the first rejection is then the first that it can write down. A request that asks for more than the whole
 * budget is refused without an alert: it says nothing about what was spent.
 */
export const admitScript: Script = {
  name: 'vkAdmit',
  lua: `
${termsLua(0, ARGS)}
${RESERVATIONS_LUA}
local function answer(state, reserved, first)
  return {state, {exact(budget), exact(previous), exact(reserved), at}, first and 1 or 0, url ~= '' and 1 or 0, claims}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[2] == '1' and not registered and ARGV[11] == '1' then return answer('unknown', 0) end
if said.disabled == '1' then return answer('disabled', 0) end
if (count(said.expires_at) or now + 1) <= now then return answer('expired', 0) end
if said.scope == 'read' then
  if ARGV[12] == '' then return {'method'} end
  if ARGV[12] ~= 'read' then return answer('scope', 0) end
end
if said.one_shot == '1' and said.used_at then return answer('used', 0) end
local wanted, reserved = 0, 0
if ARGV[13] ~= '' and budget > 0 then
  wanted = tonumber(ARGV[14])
  expire(now)
  reserved = held()
end
if budget > 0 and (previous >= budget or previous + reserved + wanted > budget) then
  if wanted > budget then return answer('budget', reserved, false) end
  local field = 'exceeded:' .. ARGV[window]
  local marked, marked_epoch = string.match(redis.call('HGET', KEYS[2], field) or '', '^(%S+) (%d+)$')
  local first = not marked or label > marked or label == marked and epoch > tonumber(marked_epoch)
  if not first then return answer('budget', reserved, false) end
  if url ~= '' and ARGV[16] == '' then return {'unlabelled'} end
  if url ~= '' then
    redis.call('XLEN', KEYS[3])
    redis.call('HLEN', KEYS[4])
  end
  local written = redis.pcall('HSET', KEYS[2], field, label .. ' ' .. exact(epoch))
  if type(written) == 'table' then return answer('budget', reserved, false) end
  if url ~= '' then
    local payload = ARGV[16] .. exact(budget) .. ARGV[17] .. exact(previous) .. ARGV[18] .. exact(reserved) .. ARGV[19]
    if append(alert_id('budget'), payload) == 1 then hand_over('>', 1) end
  end
  return answer('budget', reserved, true)
end
if wanted > 0 then
  redis.call('ZADD', reservations_name, now + ARGV[15], ARGV[13])
  redis.call('INCRBY', reserved_name, exact(wanted))
  redis.call('PEXPIRE', reservations_name, 2 * ARGV[15])
  redis.call('PEXPIRE', reserved_name, 2 * ARGV[15])
end
if said.one_shot == '1' then redis.call('HSET', KEYS[2], 'used_at', exact(now)) end
return answer('admitted', reserved + wanted)
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
  question: Question,
  service: string | undefined,
  known?: Seen,
  hold = LONGEST_HOLD,
): Promise<Admitted> {
  const { keyId, refuseUnknown, method, reservation, alert } = question
  const json = service === undefined ? ['', '', '', ''] : budgetAlertJson({ ...alert, service })
  const own = [
    refuseUnknown ? 1 : 0,
    method ?? '',
    reservation ?? '',
    reservation === undefined ? 0 : tokensOf(reservation),
    hold,
    ...json,
  ]
  const reply = await run(
    redis,
    admitScript,
    termsKeys(question, []),
    termsArgs(question, consumer, known, own),
  )
  return admittedFrom(question, partitionOf(keyId), reply as Reply)
}

type Reply =
  | readonly ['schema', version: number]
  | readonly ['method' | 'unlabelled']
  | readonly [Refused | 'admitted', standing: StandingReply, first: 0 | 1, webhook: 0 | 1, claims: ClaimReply]

function admittedFrom(terms: Terms, partition: number, reply: Reply): Admitted {
  switch (reply[0]) {
    case 'schema':
      throw new SchemaError(reply[1])
    case 'method':
    case 'unlabelled':
      return { state: reply[0] }
  }
  const [state, standing, first, webhook, claims] = reply
  const stands = standingFrom(terms, standing)
  if (state === 'admitted') return { state, standing: stands }
  return {
    state,
    standing: stands,
    first: first === 1,
    silent: webhook === 0,
    claims: claimsFrom(partition, claims),
  }
}
