import { type BudgetAlertFacts, budgetAlertJson } from '../../../schema/alert.ts'
import { type Claim, type ClaimReply, claimsFrom } from '../outbox/claim.ts'
import {
  type AskAgain,
  askedAgain,
  type KeyPolicy,
  type PolicyArguments,
  policyArguments,
  policyKeys,
  type QuotaReply,
  type QuotaStatus,
  quotaFrom,
  type Snapshots,
} from '../policy/key-policy.ts'
import { partitionOf } from '../redis/names.ts'
import { SchemaError } from '../redis/schema-version.ts'
import { type Connection, run, SCRIPTS } from '../redis/script.ts'
import type { DenyReason } from '../telemetry/metrics.ts'
import type { Reservation } from './reserve.ts'

/** How long a reservation lasts; a request that takes longer counts as crashed. Longer than any LLM answer. Unit: milliseconds. */
export const LONGEST_RESERVATION = 900_000

/** One request that asks to pass. */
export interface AdmissionRequest extends KeyPolicy {
  /** A key that is not in the registry may not pass. */
  readonly denyUnknown: boolean
  /** What the request does, where that is known. Only a key of scope `read` makes it matter. */
  readonly method?: 'read' | 'write'
  /** What the request would reserve of the budget. */
  readonly reservation?: Reservation
  readonly alert: Omit<BudgetAlertFacts, 'service'>
}

export type Admitted =
  | { readonly state: 'admitted'; readonly quota: QuotaStatus }
  | {
      readonly state: DenyReason
      readonly quota: QuotaStatus
      /** The first denial for the budget in this window and epoch. */
      readonly first: boolean
      /** There is no webhook for this key's alerts. */
      readonly silent: boolean
      /** Alerts that this process now owns and has to deliver. */
      readonly claims: readonly Claim[]
    }
  /** Nothing was changed: the key is of scope `read`, and what the request does has to be known. */
  | { readonly state: 'method' }
  /** Nothing was changed: it is the first denial, and its alert needs the service's label. */
  | { readonly state: 'unlabelled' }

interface AdmitArguments extends PolicyArguments {
  readonly deny_unknown: boolean
  readonly method: 'read' | 'write' | undefined
  readonly reservation: Reservation | undefined
  readonly lasts: number
}

type Reply = AskAgain | Answer

type Answer =
  | readonly ['schema', version: number]
  | readonly ['method' | 'unlabelled']
  | readonly ['admitted', ...quota: QuotaReply]
  | readonly [DenyReason, ...quota: QuotaReply, first: 0 | 1, webhook?: 0 | 1, claims?: ClaimReply]

const admitScript = SCRIPTS.script<[AdmitArguments], Reply>('admit')

/**
 * Decides about one request by its key's settings and total, as one step.
 * @param consumer the dispatcher that takes over the alert of a first denial
 * @param service the label of that alert; undefined = not known yet
 * @param lasts milliseconds until the reservation expires
 * @throws SchemaError where Redis holds a newer schema. ReplyError or a connection's Error; then Redis may have made the reservation.
 */
export async function admit(
  redis: Connection,
  consumer: string,
  request: AdmissionRequest,
  service: string | undefined,
  known?: Snapshots,
  lasts = LONGEST_RESERVATION,
): Promise<Admitted> {
  const { denyUnknown, method, reservation } = request
  const partition = partitionOf(request.keyId)
  for (let asked = request; ; ) {
    const facts = { ...asked.alert, key_id: asked.keyId }
    const payload = service === undefined ? undefined : budgetAlertJson({ ...facts, service })
    const args = {
      ...policyArguments(asked, known, consumer),
      ...payload,
      deny_unknown: denyUnknown,
      method,
      reservation,
      lasts,
    }
    const reply = await run(redis, admitScript, policyKeys(asked), args)
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

function admittedFrom(policy: KeyPolicy, partition: number, reply: Answer): Admitted {
  switch (reply[0]) {
    case 'schema':
      throw new SchemaError(reply[1])
    case 'method':
    case 'unlabelled':
      return { state: reply[0] }
  }
  const [state, budget, total, reserved, kind] = reply
  const quota = quotaFrom(policy, [budget, total, reserved, kind])
  if (state === 'admitted') return { state, quota }
  const [, , , , , first, webhook, claims = []] = reply
  return { state, quota, first: first === 1, silent: webhook === 0, claims: claimsFrom(partition, claims) }
}
