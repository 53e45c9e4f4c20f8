import type { QuotaStatus } from '../policy/key-policy.ts'
import type { DenyReason } from './admit.ts'
import { secondsLeft, tokenHeaders } from './token-headers.ts'

/** A request that is not proxied: what its client gets instead. */
export interface Denial {
  readonly status: number
  readonly error: string
  readonly headers?: Readonly<Record<string, string>>
}

export const MISSING_KEY: Denial = { status: 401, error: 'missing key' }
export const UNAVAILABLE: Denial = { status: 503, error: 'token accounting unavailable' }
export const TOO_MANY_HEADERS: Denial = { status: 431, error: 'too many request headers' }
export const NO_WEBSOCKET: Denial = { status: 400, error: 'websocket upgrade not supported' }
export const NO_SESSION: Denial = { status: 400, error: 'session with the provider itself not supported' }
export const METHOD_OVERRIDE: Denial = { status: 400, error: 'method override not supported' }
export const UNDERSCORED: Denial = { status: 400, error: 'header names with underscores not supported' }
export const NO_JSON_OBJECT: Denial = { status: 400, error: 'request body is not one JSON object' }
export const NOT_UTF8: Denial = { status: 415, error: 'request body is not UTF-8' }
export const UNREADABLE_BODY_ENCODING: Denial = {
  status: 415,
  error: 'content-encoding of the request body not supported',
}
export const UNREADABLE_BODY_TYPE: Denial = {
  status: 415,
  error: 'content-type of the request body not supported',
}
export const BODY_TOO_LARGE: Denial = { status: 413, error: 'request body too large' }
/** The body would have to be changed, and is too large for that without the tap. */
export const STREAM_TOO_LARGE: Denial = {
  status: 413,
  error: 'request body too large to stream without stream_options.include_usage',
}

/** Servers differ in which value of a member they obey. */
export function ambiguous(member: string): Denial {
  return { status: 400, error: `member ${member} of the request body is ambiguous` }
}

const DENIALS: Readonly<Record<DenyReason, Denial>> = {
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
export function denialOf(
  refused: DenyReason,
  quota: QuotaStatus,
  wanted: number,
  at: number,
  showHeaders: boolean,
): Denial {
  const rejection = DENIALS[refused]
  if (refused !== 'budget') return rejection
  const { budget, total } = quota
  const room = total < budget && total + wanted <= budget
  const wait = room ? WHILE_OTHERS_RUN : secondsLeft(quota.window, at)
  return {
    ...rejection,
    headers: {
      // A window that never ends leaves nothing to wait for.
      ...(wait === undefined ? {} : { 'Retry-After': String(wait) }),
      ...(showHeaders ? tokenHeaders(quota, at) : {}),
    },
  }
}
