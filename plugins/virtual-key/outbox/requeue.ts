import { outboxNames } from '../redis/names.ts'
import { type Connection, run, SCRIPTS } from '../redis/script.ts'
import type { AlertRecord } from './alert-record.ts'

interface RequeueArguments {
  readonly id: string
  readonly state: Whereabouts['state']
  readonly entry: string | undefined
  readonly record: string
}

const requeueScript = SCRIPTS.script<[RequeueArguments], 0 | 1>('requeue')

/** Where an alert is that is to be sent: nowhere, or a state of `Surveyed` with its entry, if it has one. */
export type Whereabouts =
  | { readonly state: 'none' }
  | { readonly state: 'dead' | 'waiting'; readonly entry?: string }

/**
 * Makes an alert due now, for whichever dispatcher comes first.
 * @returns false: it is not where it was
 * @throws ReplyError or a connection's Error
 */
export async function requeue(
  redis: Connection,
  partition: number,
  id: string,
  record: AlertRecord,
  from: Whereabouts,
): Promise<boolean> {
  const { retry, alerts, dead, parked } = outboxNames(partition)
  const entry = from.state === 'none' ? undefined : from.entry
  const reply = await run(redis, requeueScript, [retry, alerts, dead, parked], {
    id,
    state: from.state,
    entry,
    record: JSON.stringify(record),
  })
  return reply === 1
}
