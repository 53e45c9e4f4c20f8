import { isDecodable } from './usage/encoding.ts'

/** As many header values as Kong can be made to show. What lies beyond is sent upstream unseen. */
export const MOST_HEADERS = 1000

/** What a request's headers say about the ways in which its response could get past the count. */
export interface Escape {
  /**
   * The client asks for a WebSocket. Kong then turns response buffering off, the response phase never runs, and an LLM upstream
   * that ignores the header answers for free (seen on Kong 3.9.1). Such a session could not be counted either.
   */
  readonly websocket: boolean
  /** Kong may not have shown all of them. */
  readonly tooMany: boolean
  /** The Accept-Encoding to send upstream instead, where the client's could bring a body that the reader cannot decode. */
  readonly acceptEncoding?: string
  /** The request carries a body. Without one, only its method tells whether the response is to be counted. */
  readonly hasBody: boolean
  /** Bytes of the request's body as its headers tell; undefined: they do not. */
  readonly length: number | undefined
}

export function examine(headers: Record<string, string[]>): Escape {
  const acceptEncoding = readableEncodings(headers['accept-encoding'])
  const [contentLength] = headers['content-length'] ?? []
  return {
    websocket: headers.upgrade?.some((value) => /websocket/i.test(value)) ?? false,
    tooMany: Object.values(headers).reduce((count, values) => count + values.length, 0) >= MOST_HEADERS,
    hasBody: 'transfer-encoding' in headers || Number(contentLength ?? 0) > 0,
    length: contentLength === undefined ? undefined : Number(contentLength),
    ...(acceptEncoding === undefined ? {} : { acceptEncoding }),
  }
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
