import type { Surveyed } from '../plugins/virtual-key/outbox/survey.ts'
import { loggable } from '../plugins/virtual-key/outbox/target.ts'
import { rfc3339 } from '../schema/alert.ts'

/** An alert as `--json` prints it. The webhook is its origin only: paths and credentials are secrets. */
export interface AlertView {
  readonly id: string
  readonly state: Surveyed['state']
  readonly key_id: string
  /** Tokens; absent where the payload is no alert of a crossing. */
  readonly threshold?: number
  readonly total_tokens?: number
  readonly service?: string
  /** When it crossed. */
  readonly timestamp?: string
  readonly webhook: string
  /** When the next attempt is due. */
  readonly due?: string
  readonly reason?: string
  readonly attempts: ReadonlyArray<{
    readonly time: string
    readonly duration_ms: number
    readonly status?: number
    readonly error?: string
  }>
}

export function viewOf({ id, state, record, due, reason }: Surveyed): AlertView {
  const { threshold, total_tokens, service, timestamp } = payloadOf(record.payload)
  return {
    id,
    state,
    key_id: record.keyId,
    ...(threshold === undefined ? {} : { threshold }),
    ...(total_tokens === undefined ? {} : { total_tokens }),
    ...(service === undefined ? {} : { service }),
    ...(timestamp === undefined ? {} : { timestamp }),
    webhook: loggable(record.url),
    ...(due === undefined ? {} : { due: rfc3339(due) }),
    ...(reason === undefined ? {} : { reason }),
    attempts: record.attempts.map(({ at, duration, status, error }) => ({
      time: new Date(at).toISOString(),
      duration_ms: duration,
      ...(status === undefined ? {} : { status }),
      ...(error === undefined ? {} : { error }),
    })),
  }
}

function payloadOf(payload: string): Pick<AlertView, 'threshold' | 'total_tokens' | 'service' | 'timestamp'> {
  try {
    return JSON.parse(payload) ?? {}
  } catch {
    return {}
  }
}
