import type { ListedAlert } from '../../plugins/virtual-key/outbox/list.ts'
import { loggable } from '../../plugins/virtual-key/outbox/target.ts'
import { rfc3339 } from '../../schema/alert.ts'

/** An alert as `--json` prints it. The webhook is its origin only: paths and credentials are secrets. */
export interface AlertView {
  readonly id: string
  readonly state: ListedAlert['state']
  readonly key_id: string
  /** token_threshold_crossed, token_budget_exceeded or test; absent where the payload is none of ours. */
  readonly event?: string
  /** Tokens, of a crossing. */
  readonly threshold?: number
  /** Tokens, of a rejection. */
  readonly token_budget?: number
  /** Tokens. */
  readonly total_tokens?: number
  readonly service?: string
  /** When it crossed, or was refused. */
  readonly timestamp?: string
  readonly webhook: string
  /** The plugin configuration that delivers it. */
  readonly configuration: string
  /** When the next attempt is due, or the next look where it waits for its configuration. */
  readonly due?: string
  /** Why no attempt is possible now; absent: one is. */
  readonly waits_for?: string
  readonly reason?: string
  readonly attempts: ReadonlyArray<{
    readonly time: string
    readonly duration_ms: number
    readonly status?: number
    readonly error?: string
  }>
}

const PAYLOAD = ['event', 'threshold', 'token_budget', 'total_tokens', 'service', 'timestamp'] as const
type Payload = Pick<AlertView, (typeof PAYLOAD)[number]>

export function viewOf({ id, state, record, due, reason }: ListedAlert): AlertView {
  const payload = payloadOf(record.payload)
  return {
    id,
    state,
    key_id: record.keyId,
    ...Object.fromEntries(PAYLOAD.flatMap((name) => (name in payload ? [[name, payload[name]]] : []))),
    webhook: loggable(record.override ?? record.url),
    configuration: record.configuration,
    ...(due === undefined ? {} : { due: rfc3339(due) }),
    ...(record.parked === undefined ? {} : { waits_for: record.parked.reason }),
    ...(reason === undefined ? {} : { reason }),
    attempts: record.attempts.map(({ at, duration, status, error }) => ({
      time: new Date(at).toISOString(),
      duration_ms: duration,
      ...(status === undefined ? {} : { status }),
      ...(error === undefined ? {} : { error }),
    })),
  }
}

function payloadOf(payload: string): Payload {
  try {
    return JSON.parse(payload) ?? {}
  } catch {
    return {}
  }
}
