/**
 * The body of the webhook request that one crossing causes: exactly these six members, in this order.
 * Consumers verify the request with Standard Webhooks 1.0 and tell repeated deliveries apart by the header `webhook-id`.
 */
export interface Alert {
  readonly event: 'token_threshold_crossed'
  /** Name of the virtual key; never its secret. */
  readonly key_id: string
  /** The configured label, else the Kong service's name, else its id. */
  readonly service: string
  /** Tokens. */
  readonly threshold: number
  /** Tokens of the key in its current window, the response that crossed included. */
  readonly total_tokens: number
  /** When it crossed: UTC, RFC 3339, whole seconds. */
  readonly timestamp: string
}

/** What is known about an alert before Redis has decided whether a threshold is crossed, and at which total. */
export type AlertFacts = Pick<Alert, 'key_id' | 'service' | 'timestamp'>

/**
 * The parts of the alert's JSON around the two numbers that only the atomic step in Redis knows. settle.lua inserts the numbers, so the
 * bytes are made once and are the same for every attempt.
 */
export function alertJson({ key_id, service, timestamp }: AlertFacts) {
  const event: Alert['event'] = 'token_threshold_crossed'
  return {
    before_threshold: `{"event":"${event}","key_id":${JSON.stringify(key_id)},"service":${JSON.stringify(service)},"threshold":`,
    before_total: ',"total_tokens":',
    after_total: `,"timestamp":${JSON.stringify(timestamp)}}`,
  }
}

/** The body of the webhook request when a key's budget refuses a request for the first time in a window. */
export interface BudgetAlert {
  readonly event: 'token_budget_exceeded'
  readonly key_id: string
  /** As in `Alert`. */
  readonly service: string
  /** Tokens that the key may spend in the window. */
  readonly token_budget: number
  /** Tokens that it has spent. */
  readonly total_tokens: number
  /** Tokens that are reserved for its requests under way; 0 if the refused request's route does not have `reserve: true`. */
  readonly reserved_tokens: number
  /** When the request was refused: UTC, RFC 3339, whole seconds. */
  readonly timestamp: string
}

export type BudgetAlertFacts = Pick<BudgetAlert, 'key_id' | 'service' | 'timestamp'>

/** As `alertJson`: the parts of the JSON around the budget, the total and the reserved tokens, which admit.lua inserts. */
export function budgetAlertJson({ key_id, service, timestamp }: BudgetAlertFacts) {
  const event: BudgetAlert['event'] = 'token_budget_exceeded'
  return {
    before_budget: `{"event":"${event}","key_id":${JSON.stringify(key_id)},"service":${JSON.stringify(service)},"token_budget":`,
    before_total: ',"total_tokens":',
    before_reserved: ',"reserved_tokens":',
    after_reserved: `,"timestamp":${JSON.stringify(timestamp)}}`,
  }
}

/** RFC 3339 in UTC with whole seconds. `at`: milliseconds since 1970. */
export function rfc3339(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`
}
