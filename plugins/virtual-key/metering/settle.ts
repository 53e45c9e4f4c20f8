import { alertJson } from '../../../schema/alert.ts'
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
import { answerName, crossedName, partitionOf, settledName } from '../redis/names.ts'
import { SchemaError } from '../redis/schema-version.ts'
import { type Connection, run, SCRIPTS } from '../redis/script.ts'
import type { UsageRecord } from './usage-record.ts'

/** Usage records in one text of settled markers: 32 bytes, which Redis keeps with their name, and few enough to be written anew each time. */
const BLOCK = 256

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

interface SettleArguments extends PolicyArguments {
  readonly tokens: number
  readonly marker: number
  readonly reservation: string | undefined
  readonly fetched_again: boolean
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
      news: string,
      ...quota: QuotaReply,
      crossed?: string[],
      webhook?: 0 | 1,
      claims?: ClaimReply,
    ]

const settleScript = SCRIPTS.script<[SettleArguments], Reply>('settle')

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
  const names = [
    settledName(partition, id.processId, Math.floor(id.sequence / BLOCK)),
    crossedName(partition, id.processId, id.sequence),
  ]
  for (let asked = record; ; ) {
    // Of an overflow id the alert tells that id: the one that was sent has no total of its own.
    const facts = { ...asked.alert, key_id: asked.keyId }
    const own = asked.answer === undefined ? names : [...names, answerName(asked.keyId, asked.answer)]
    const payload = service === undefined ? undefined : alertJson({ ...facts, service })
    const args = {
      ...policyArguments(asked, known, consumer, asked.estimated),
      ...payload,
      tokens: asked.tokens,
      marker: id.sequence % BLOCK,
      reservation: asked.reservation,
      fetched_again: asked.answer !== undefined,
    }
    const reply = await run(redis, settleScript, policyKeys(asked, own), args)
    if (reply[0] === 'clock' || reply[0] === 'full') asked = askedAgain(asked, reply)
    else return settledFrom(asked, partition, reply, known)
  }
}

/** What a usage record crossed, as the script has written it down. */
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
  const [state, previous, epoch, news, budget, total, reserved, kind, crossed = [], webhook, claims = []] =
    reply
  if (news !== '') known?.meet?.(partition, news)
  const stands = quotaFrom(policy, [budget, total, reserved, kind])
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
