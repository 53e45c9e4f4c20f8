import type { Kong } from '../pdk.ts'
import type { Metrics } from '../telemetry/metrics.ts'

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

/** Statuses of requests that could not be counted as they are. Denials by admission are counted where they are decided. */
const UNCOUNTABLE = new Set([400, 413, 415, 431])

/** Answers the client in place of the upstream. Kong answers no further PDK call of the phase. */
export function deny(kong: Kong, denial: Denial, metrics: Metrics): Promise<void> {
  const { status, error, headers } = denial
  if (denial === NO_WEBSOCKET) metrics.add('denied_websocket')
  else if (UNCOUNTABLE.has(status)) metrics.add('denied_uncountable')
  return kong.response.exit(status, JSON.stringify({ error }), {
    'content-type': 'application/json',
    ...headers,
  })
}
