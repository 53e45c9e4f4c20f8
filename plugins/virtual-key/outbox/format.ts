import type { Alert, AlertFacts, BudgetAlert } from '../../../schema/alert.ts'
import type { Config } from '../../../schema/config.ts'

/** How an alert is written, as schema/config.ts lists it. */
export type Format = Config['webhook']['format']

/** The body of each format. `slack` is a text for people, which Mattermost and Discord's /slack read too. */
const BODIES: Readonly<Record<Format, (payload: string) => string>> = {
  json: (payload) => payload,
  slack: (payload) => JSON.stringify({ text: sentence(JSON.parse(payload)) }),
}

/**
 * The request body of an alert. The payload stays what Redis keeps, and a body is made of it at delivery, so that an alert which
 * waits is written the way its record asks for. A payload that cannot be read is sent as it is.
 */
export function render(format: Format, payload: string): string {
  try {
    return BODIES[format](payload)
  } catch {
    return payload
  }
}

function sentence(alert: Alert | BudgetAlert | ({ event: 'test' } & AlertFacts)): string {
  const key = `Virtual key *${escaped(alert.key_id)}*`
  const where = alert.service === '' ? '' : ` on service *${escaped(alert.service)}*`
  switch (alert.event) {
    case 'token_threshold_crossed':
      return `${key}${where} has crossed ${alert.threshold} tokens: ${alert.total_tokens} used so far (${alert.timestamp}).`
    case 'token_budget_exceeded':
      return `${key}${where} is refused by its budget of ${alert.token_budget} tokens: ${alert.total_tokens} used (${alert.timestamp}).`
    default:
      return `${key}${where}: this is a test of its alerts, sent at ${alert.timestamp}.`
  }
}

/** Slack reads `&`, `<` and `>` as its own: a key id must not mention everybody (`<!channel>`) or hide a link. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
