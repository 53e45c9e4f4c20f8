import type { Denial } from '../admission/denial.ts'

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

/** @param query as it stands in the request line @returns the refusal of a request that would not be counted as it should */
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
