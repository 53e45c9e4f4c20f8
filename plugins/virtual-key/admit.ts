/** A request that is not proxied: what its client gets instead. */
export interface Rejection {
  readonly status: number
  readonly error: string
}

export const MISSING_KEY: Rejection = { status: 401, error: 'missing key' }
export const BUDGET_EXCEEDED: Rejection = { status: 429, error: 'token budget exceeded' }
export const UNAVAILABLE: Rejection = { status: 503, error: 'token accounting unavailable' }
export const TOO_MANY_HEADERS: Rejection = { status: 431, error: 'too many request headers' }
export const NO_WEBSOCKET: Rejection = { status: 400, error: 'websocket upgrade not supported' }

/** What is known of the key when its request comes in. */
export interface Standing {
  readonly keyId: string | undefined
  readonly requireKey: boolean
  /** Tokens; 0 = unlimited. */
  readonly budget: number
  /** Tokens spent in the current window; undefined: not asked for. */
  readonly total: number | undefined
}

/** undefined: the request may go on. */
export function admit({ keyId, requireKey, budget, total }: Standing): Rejection | undefined {
  if (keyId === undefined) return requireKey ? MISSING_KEY : undefined
  return budget > 0 && total !== undefined && total >= budget ? BUDGET_EXCEEDED : undefined
}
