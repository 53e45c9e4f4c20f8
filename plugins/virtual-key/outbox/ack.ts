import { DISPATCHERS, outboxNames } from '../redis/names.ts'
import { type Connection, run, SCRIPTS } from '../redis/script.ts'
import type { Attempt } from './alert-record.ts'
import { type Claim, scheduleStart } from './claim.ts'
import type { Outcome } from './outcome.ts'

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

/** The record as Redis is to keep it. What is no record stays as it is. */
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
