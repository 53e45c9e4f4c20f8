import { type Denial, NO_SESSION } from './denial.ts'

/**
 * The path of a request in the one way in which servers may read it: dots resolved, escapes decoded, in lower case.
 * @param target path and query as they stand in the request line
 */
export function pathOf(target: string): string {
  const { pathname } = new URL(`http://host${target}`)
  return pathname
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .toLowerCase()
}

/**
 * Segments of paths under which an API hands out sessions, or secrets for them, that a client then holds with the provider itself,
 * past this gateway and at the cost of the provider's key. Source: OpenAI API reference, Realtime and ChatKit (xAI and Azure copy
 * them); Gemini API, Ephemeral tokens.
 */
export const SESSIONS = ['realtime', 'realtimeapi', 'auth_tokens', 'chatkit'] as const

/** @param target path and query as they stand in the request line @returns why a request for such a session is denied */
export function sessionDenial(target: string): Denial | undefined {
  const segments = pathOf(target).split('/')
  return SESSIONS.some((segment) => segments.includes(segment)) ? NO_SESSION : undefined
}

/** Parameters of a query, by their names in lower case without `$`; each with the starts of the values that do no harm, besides ''. */
type Parameters = Readonly<Record<string, readonly string[]>>

/**
 * Parameters that choose what of an answer is shown, in which writing, or as what the request's body is read.
 * Source: Google's system parameters, which all of its APIs know.
 */
export const HIDING: Parameters = {
  fields: ['*'],
  callback: [],
  alt: ['json', 'sse'],
  ct: ['application/json'],
}

/** Parameters that make a POST of a request that Kong and the plugin take for a GET. Source: Google's system parameters; Rack. */
export const OVERRIDING: Parameters = { httpmethod: ['get'], _method: ['get'] }

/** @param query as it stands in the request line @returns why the request is denied: its response would hide usage */
export function hiding(query: string, method: string): Denial | undefined {
  const parameters = method === 'GET' ? OVERRIDING : HIDING
  for (const pair of query.split(/[&;]/)) {
    const [written = '', ...rest] = pair.split('=')
    const name = unescaped(written).toLowerCase().replace(/^\$/, '')
    const harmless = Object.hasOwn(parameters, name) ? parameters[name] : undefined
    const value = unescaped(rest.join('=')).toLowerCase()
    if (harmless !== undefined && value !== '' && !harmless.some((start) => value.startsWith(start)))
      return hidingDenial(name)
  }
  return undefined
}

/** @param name as in HIDING */
export function hidingDenial(name: string): Denial {
  return { status: 400, error: `query parameter ${name} not supported` }
}

/** As nginx does it: a broken escape stays as it is. */
function unescaped(text: string): string {
  return text
    .replaceAll('+', ' ')
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
