import { DISPATCHERS, outboxNames } from '../redis/names.ts'
import { type Connection, run, SCRIPTS } from '../redis/script.ts'
import { type AlertRecord, recordFrom } from './alert-record.ts'

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

/** Of alerts that this process takes over at their crossing. */
export function claimsFrom(partition: number, reply: ClaimReply): Claim[] {
  return reply.map(([streamId, id, json]) => ({ partition, streamId, id, json, record: recordFrom(json) }))
}

/** When the alert's schedule began, in milliseconds since 1970 by Redis's clock. */
export function scheduleStart({ streamId, record }: Claim): number {
  return record?.since ?? Number.parseInt(streamId, 10)
}
