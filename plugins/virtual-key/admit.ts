import type { Refused } from './ledger/admit.ts'
import type { Standing } from './ledger/terms.ts'
import { secondsLeft, tokenHeaders } from './token-headers.ts'

/** A request that is not proxied: what its client gets instead. */
export interface Rejection {
  readonly status: number
  readonly error: string
  readonly headers?: Readonly<Record<string, string>>
}

export const MISSING_KEY: Rejection = { status: 401, error: 'missing key' }
export const UNAVAILABLE: Rejection = { status: 503, error: 'token accounting unavailable' }
export const TOO_MANY_HEADERS: Rejection = { status: 431, error: 'too many request headers' }
export const NO_WEBSOCKET: Rejection = { status: 400, error: 'websocket upgrade not supported' }

const REJECTIONS: Readonly<Record<Refused, Rejection>> = {
  unknown: { status: 401, error: 'invalid key' },
  disabled: { status: 403, error: 'key disabled' },
  expired: { status: 401, error: 'key expired' },
  scope: { status: 403, error: 'insufficient scope' },
  used: { status: 401, error: 'key already used' },
  budget: { status: 429, error: 'token budget exceeded' },
}

/** Pause before a request is worth another try that only other requests under way kept out. Unit: seconds. */
const WHILE_OTHERS_RUN = 1

/**
 * What the client of a refused key gets.
 * @param wanted tokens that the request would have reserved @param at milliseconds since 1970
 */
export function rejectionOf(
  refused: Refused,
  standing: Standing,
  wanted: number,
  at: number,
  showHeaders: boolean,
): Rejection {
  const rejection = REJECTIONS[refused]
  if (refused !== 'budget') return rejection
  const { budget, total } = standing
  const room = total < budget && total + wanted <= budget
  const wait = room ? WHILE_OTHERS_RUN : secondsLeft(standing.window, at)
  return {
    ...rejection,
    headers: {
      // A window that never ends leaves nothing to wait for.
      ...(wait === undefined ? {} : { 'Retry-After': String(wait) }),
      ...(showHeaders ? tokenHeaders(standing, at) : {}),
    },
  }
}
