import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { whole } from './body.ts'
import type { Exchange } from './exchange.ts'
import { HeaderMap } from './header-map.ts'
import { normalizedPath } from './request-path.ts'

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
