import { isDecodable } from '../usage/framing/encoding.ts'
import { type Denial, METHOD_OVERRIDE, NO_WEBSOCKET, TOO_MANY_HEADERS, UNDERSCORED } from './denial.ts'

/** The most header values that Kong shows. It sends those beyond upstream all the same, unseen by plugins. */
export const MOST_HEADERS = 1000

/** What a request's headers tell, as far as it matters for counting its response. */
export interface RequestFacts {
  /** Why the request is denied: its response could not be counted. */
  readonly denial?: Denial
  /** The Accept-Encoding to send upstream instead, where the client's could bring a body that the reader cannot decode. */
  readonly acceptEncoding?: string
  /** Headers that do not go upstream, because they choose what of an answer is shown. */
  readonly hidden: readonly string[]
  /** The request carries a body. Without one, only its method tells whether the response is to be counted. */
  readonly hasBody: boolean
  /** Bytes of the request's body as its headers tell; undefined: they do not. */
  readonly length: number | undefined
  /** Content-Type and Content-Encoding of the request's body, in lower case; '' = none. */
  readonly contentType: string
  readonly contentEncoding: string
}

/**
 * Headers by which an upstream takes a request for one of another method. Kong and the plugin go by the request line's.
 * Source: Google's system parameters; the defaults of method-override for Express, Rack and Symfony.
 */
const OVERRIDES = ['x-http-method-override', 'x-http-method', 'x-method-override']

/**
 * Headers that choose what of an answer is shown, so that the usage may not be. Without them the answer is whole, which harms nobody.
 * A part of an answer is also what `Range` asks for. Source: Google's system parameters; gapi-client for the safety encoding.
 */
const CHOOSING = ['x-goog-fieldmask', 'x-goog-encode-response-if-executable', 'range']

/** What `requestFacts` looks for; an upstream behind CGI or WSGI finds them under names with underscores too. */
const WATCHED = new Set([...OVERRIDES, ...CHOOSING, 'upgrade', 'accept-encoding', 'content-encoding'])

export function requestFacts(headers: Record<string, string[]>): RequestFacts {
  const acceptEncoding = readableEncodings(headers['accept-encoding'])
  const [contentLength] = headers['content-length'] ?? []
  const denial = denialOf(headers)
  return {
    ...(denial === undefined ? {} : { denial }),
    hidden: CHOOSING.filter((name) => name in headers),
    hasBody: 'transfer-encoding' in headers || Number(contentLength ?? 0) > 0,
    length: contentLength === undefined ? undefined : Number(contentLength),
    contentType: joined(headers['content-type']),
    contentEncoding: joined(headers['content-encoding']),
    ...(acceptEncoding === undefined ? {} : { acceptEncoding }),
  }
}

function denialOf(headers: Record<string, string[]>): Denial | undefined {
  let values = 0
  for (const name in headers) {
    values += headers[name]?.length ?? 0
    if (name.includes('_') && WATCHED.has(name.replaceAll('_', '-'))) return UNDERSCORED
  }
  // Kong may not have shown all of them.
  if (values >= MOST_HEADERS) return TOO_MANY_HEADERS
  // Kong turns response buffering off, the response phase never runs, and an LLM upstream that ignores the header answers for free
  // (seen on Kong 3.9.1). Such a session could not be counted either.
  if (headers.upgrade?.some((value) => /websocket/i.test(value))) return NO_WEBSOCKET
  return OVERRIDES.some((name) => name in headers) ? METHOD_OVERRIDE : undefined
}

function joined(values: readonly string[] | undefined): string {
  return values === undefined ? '' : values.join(',').toLowerCase()
}

/** undefined: the client's own value may pass. `*` offers everything, so it counts as a coding that cannot be read. */
function readableEncodings(values: string[] | undefined): string | undefined {
  if (values === undefined) return undefined
  const offered = values
    .join(',')
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '')
  const readable = offered.filter((coding) => isDecodable(coding.split(';')[0] ?? ''))
  if (readable.length === offered.length) return undefined
  return readable.length === 0 ? 'identity' : readable.join(', ')
}
