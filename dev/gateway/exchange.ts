import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { whole } from './body.ts'
import type { Consumer, Credential, Route, Service } from './entities.ts'
import { HeaderMap } from './header-map.ts'

export type Phase = 'access' | 'response' | 'log'

/** A response that Kong or a plugin makes instead of the upstream. */
export interface Answer {
  readonly status: number
  readonly body: string | Uint8Array
  readonly headers: readonly (readonly [string, string])[]
  /** as kong.response.get_source names it */
  readonly source: 'exit' | 'error'
}

export interface Attempt {
  readonly ip: string
  readonly port: number
  /** ms since the epoch */
  readonly start: number
}

/** Everything known about one request on its way through the gateway; plugins read and change it through the PDK. */
export interface Exchange {
  /** 32 hex digits, the X-Kong-Request-Id */
  readonly id: string
  readonly method: string
  /** target as in the request line */
  readonly uri: string
  /** normalized, without query */
  readonly path: string
  /** raw, without `?`; undefined: the target has none */
  query: string | undefined
  readonly headers: HeaderMap
  readonly httpVersion: string
  readonly clientIp: string
  /** the client may send its next request on the same connection */
  readonly keepAlive: boolean
  /** port the gateway listens on */
  readonly port: number
  /** ms since the epoch */
  readonly startedAt: number
  /** reads the body from the client, once; the same bytes every time */
  readonly readBody: () => Promise<Buffer>
  /** bytes of the request, head included, read so far */
  requestSize: number
  /** replaces the request body for the upstream */
  newBody: Uint8Array | undefined

  route: Route | undefined
  service: Service | undefined
  upstreamPath: string
  /** part of the path that was stripped */
  prefix: string | undefined
  consumer: Consumer | undefined
  credential: Credential | undefined

  /** ngx.ctx as far as plugins see it */
  readonly ctx: Map<string, unknown>
  /** kong.ctx.shared */
  readonly shared: Map<string, unknown>

  /** set: the request goes no further */
  answer: Answer | undefined
  /** the gateway decided to ask the upstream */
  proxied: boolean
  readonly attempts: Attempt[]
  /** status of the response as it stands; 499: the client hung up */
  status: number
  readonly responseHeaders: HeaderMap
  upstreamStatus: number | undefined
  /** headers exactly as the upstream sent them */
  upstreamHeaders: HeaderMap | undefined
  /** the whole upstream body, when the response is buffered */
  upstreamBody: Buffer | undefined
  readonly times: Times
  /** bytes written to the client, head included */
  bytesSent: number
}

/** ms since the epoch; undefined: did not happen */
export interface Times {
  accessEnd?: number
  upstreamHead?: number
  upstreamEnd?: number
  end?: number
}

/** Kong's answers of its own: JSON, whatever the client accepts (Kong would also speak HTML, XML and plain text). */
export function errorAnswer(
  exchange: Exchange,
  status: number,
  message: string,
  headers: Answer['headers'] = [],
  source: Answer['source'] = 'exit',
): Answer {
  return {
    status,
    source,
    headers: [...headers, ['Content-Type', JSON_TYPE]],
    body: `{\n  "message":"${message}",\n  "request_id":"${exchange.id}"\n}`,
  }
}

/** A plugin that raises in access gets this one, which alone has no request_id. */
export function raisedAnswer(): Answer {
  return {
    status: 500,
    source: 'error',
    headers: [['Content-Type', JSON_TYPE]],
    body: '{"message":"An unexpected error occurred"}',
  }
}

export const JSON_TYPE = 'application/json; charset=utf-8'

/** The exchange that begins with a request. */
export function exchangeOf(request: IncomingMessage): Exchange {
  const uri = request.url ?? '/'
  const question = uri.indexOf('?')
  const target = question < 0 ? uri : uri.slice(0, question)
  const method = request.method ?? 'GET'
  let body: Promise<Buffer> | undefined
  const exchange: Exchange = {
    id: randomUUID().replaceAll('-', ''),
    method,
    uri,
    path: normalizedPath(target),
    query: question < 0 ? undefined : uri.slice(question + 1),
    headers: HeaderMap.fromRaw(request.rawHeaders),
    httpVersion: request.httpVersion,
    clientIp: (request.socket.remoteAddress ?? '').replace(/^::ffff:/, ''),
    keepAlive: keepsAlive(request),
    port: request.socket.localPort ?? 0,
    startedAt: Date.now(),
    readBody: async () => {
      body ??= (hasBody(request) ? whole(request) : NOTHING).then((read) => {
        exchange.requestSize += read.length
        return read
      })
      return await body
    },
    requestSize: headSize(method, uri, request.rawHeaders),
    newBody: undefined,
    route: undefined,
    service: undefined,
    upstreamPath: '',
    prefix: undefined,
    consumer: undefined,
    credential: undefined,
    ctx: new Map(),
    shared: new Map(),
    answer: undefined,
    proxied: false,
    attempts: [],
    status: 0,
    responseHeaders: new HeaderMap(),
    upstreamStatus: undefined,
    upstreamHeaders: undefined,
    upstreamBody: undefined,
    times: {},
    bytesSent: 0,
  }
  return exchange
}

const NOTHING = Promise.resolve(Buffer.alloc(0))

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
}

function keepsAlive(request: IncomingMessage): boolean {
  const connection = request.headers.connection?.toLowerCase() ?? ''
  return request.httpVersion === '1.1' ? !connection.includes('close') : connection.includes('keep-alive')
}

/** bytes of `METHOD target HTTP/1.1`, the header lines and the empty line after them */
function headSize(method: string, uri: string, raw: readonly string[]): number {
  // Each of name and value is followed by two bytes: `: ` or a line's end.
  return raw.reduce(
    (size, part) => size + part.length + 2,
    method.length + uri.length + ' HTTP/1.1'.length + 3 + 2,
  )
}

/**
 * The path Kong routes by: unreserved characters unescaped, dot segments and doubled slashes gone, so that `/a/../b`
 * cannot slip past the route (and its plugins) that `/b` has.
 * @param target as in the request line, without its query
 */
export function normalizedPath(target: string): string {
  const decoded = target.replace(/%([0-9a-fA-F]{2})/g, (escaped, hex: string) => {
    const char = String.fromCharCode(Number.parseInt(hex, 16))
    return /[A-Za-z0-9\-._~]/.test(char) ? char : escaped.toUpperCase()
  })
  const kept: string[] = []
  const segments = decoded.split('/').slice(1)
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1
    if (segment === '..') kept.pop()
    else if (segment !== '.' && segment !== '') kept.push(segment)
    if (last && (segment === '' || segment === '.' || segment === '..') && kept.length > 0) kept.push('')
  }
  return `/${kept.join('/')}`
}
