import { DISPATCHERS, outboxNames } from '../redis/names.ts'
import { type Connection, run, SCRIPTS } from '../redis/script.ts'
import { type AlertRecord, type Attempt, recordFrom } from './alert-record.ts'
import type { Outcome } from './outcome.ts'

/** An alert that this process owns: nobody else attempts it while the claim is renewed. */
export interface Claim {
  readonly partition: number
  /** Its entry in the outbox stream; begins with the time, by Redis's clock, at which it was added. */
  readonly streamId: string
  /** The alert id, sent as webhook-id. */
  readonly id: string
  /** As Redis has it. */
  readonly json: string
  /** undefined: `json` is no record. */
  readonly record: AlertRecord | undefined
  /** Milliseconds since 1970 by Redis's clock when it was taken; absent: at the crossing itself, by this process. */
  readonly takenAt?: number
}

/** A claim that is not renewed for this long belongs to a process that died. Unit: milliseconds. */
export const LEASE = 15_000

interface ClaimArguments {
  readonly consumer: string
  readonly group: string
  readonly lease: number
  readonly most: number
}

const claimScript = SCRIPTS.script<[ClaimArguments], [now: number, parkedMark: string, claims: ClaimReply]>(
  'claim',
)

export interface Claimed {
  readonly claims: Claim[]
  /** Changes when an alert is parked; '' = none is. */
  readonly parkedMark: string
}

/**
 * Takes over what one partition has to deliver.
 * @param lease milliseconds after which an owner counts as dead; 0 = leave other owners' alerts alone
 * @throws ReplyError or a connection's Error; then it may have taken some, which are found again when the lease has run out.
 */
export async function claim(
  redis: Connection,
  partition: number,
  consumer: string,
  lease: number,
  most: number,
): Promise<Claimed> {
  const { outbox, retry, alerts, parked } = outboxNames(partition)
  const [now, parkedMark, claims] = await run(redis, claimScript, [outbox, retry, alerts, parked], {
    consumer,
    group: DISPATCHERS,
    lease,
    most,
  })
  return { claims: claimsFrom(partition, claims).map((one) => ({ ...one, takenAt: now })), parkedMark }
}

export type ClaimReply = ReadonlyArray<readonly [streamId: string, id: string, record: string]>

/** The claims of alerts that this process takes over at their crossing. */
export function claimsFrom(partition: number, reply: ClaimReply): Claim[] {
  return reply.map(([streamId, id, json]) => ({ partition, streamId, id, json, record: recordFrom(json) }))
}

/** When the alert's schedule began, in milliseconds since 1970 by Redis's clock. */
export function scheduleStart({ streamId, record }: Claim): number {
  return record?.since ?? Number.parseInt(streamId, 10)
}

/**
 * `mine`: nobody else takes it for another lease. `lost`: Redis has lost it (a flush, a failover to older data), so that nobody
 * else can have it either. `theirs`: another process has it, or had it and has ended it.
 */
export type Ownership = 'mine' | 'lost' | 'theirs'

interface RenewArguments {
  readonly consumer: string
  readonly group: string
  readonly claims: ReadonlyArray<{ readonly stream_id: string; readonly id: string }>
}

const renewScript = SCRIPTS.script<[RenewArguments], Ownership[]>('renew')

/** Keeps claims of one partition from running out. @returns one for each claim, in their order @throws ReplyError or a connection's Error */
export async function renew(
  redis: Connection,
  partition: number,
  consumer: string,
  claims: readonly Claim[],
): Promise<Ownership[]> {
  const { outbox, alerts, dead, delivered } = outboxNames(partition)
  const named = claims.map(({ streamId, id }) => ({ stream_id: streamId, id }))
  return await run(redis, renewScript, [outbox, alerts, dead, delivered], {
    consumer,
    group: DISPATCHERS,
    claims: named,
  })
}

interface AckArguments {
  readonly consumer: string
  readonly group: string
  readonly stream_id: string
  readonly id: string
  readonly state: Outcome['state']
  readonly delay?: number | undefined
  readonly reason?: string | undefined
  readonly record: string
  readonly unpark?: string | undefined
  readonly park?: string | undefined
}

const ackScript = SCRIPTS.script<[AckArguments], 0 | 1>('ack')

/** What an attempt, or the look at an alert, adds to its record. */
export interface Added {
  readonly attempt?: Attempt
  /** Where the attempt went. */
  readonly url?: string
  /** Its entry among the parked ones. */
  readonly parkedEntry?: string
}

/**
 * Moves an alert on after an attempt, or back where none was made.
 * @returns false: it was not this process's any more
 * @throws ReplyError or a connection's Error
 */
export async function ack(
  redis: Connection,
  consumer: string,
  claim: Claim,
  outcome: Outcome,
  added: Added = {},
): Promise<boolean> {
  const { partition, streamId, id, record } = claim
  const { outbox, retry, alerts, dead, delivered, parked } = outboxNames(partition)
  const reply = await run(redis, ackScript, [outbox, retry, alerts, dead, delivered, parked], {
    consumer,
    group: DISPATCHERS,
    stream_id: streamId,
    id,
    state: outcome.state,
    delay: 'delay' in outcome ? Math.round(outcome.delay) : undefined,
    reason: 'reason' in outcome ? outcome.reason : undefined,
    record: moved(claim, outcome, added),
    unpark: record?.parked?.entry,
    park: added.parkedEntry || undefined,
  })
  return reply === 1
}

/** The record as Redis is to keep it. A text that is no record stays as it is. */
function moved(claim: Claim, outcome: Outcome, { attempt, url, parkedEntry }: Added): string {
  const { record, json } = claim
  if (record === undefined) return json
  const { parked: _, ...rest } = record
  return JSON.stringify({
    ...rest,
    url: url ?? record.url,
    attempts: attempt === undefined ? record.attempts : [...record.attempts, attempt],
    since: scheduleStart(claim),
    ...(outcome.state === 'parked' && parkedEntry !== undefined
      ? { parked: { reason: outcome.reason, entry: parkedEntry } }
      : {}),
  })
}
