import type { Kong } from '../pdk.ts'
import { metrics } from '../telemetry/telemetry.ts'
import { type Denial, NO_WEBSOCKET } from './denial.ts'

/** Statuses of requests that could not be counted as they are. Refusals by admission are counted where they are decided. */
const UNCOUNTABLE = new Set([400, 413, 415, 431])

/** Answers the client in place of the upstream. Nothing that the phase asks of Kong afterwards is answered. */
export function deny(kong: Kong, denial: Denial): Promise<void> {
  const { status, error, headers } = denial
  if (denial === NO_WEBSOCKET) metrics.add('denied_websocket')
  else if (UNCOUNTABLE.has(status)) metrics.add('denied_uncountable')
  return kong.response.exit(status, JSON.stringify({ error }), {
    'content-type': 'application/json',
    ...headers,
  })
}
