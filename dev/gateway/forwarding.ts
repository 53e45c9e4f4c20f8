import type { Exchange } from './exchange.ts'
import { HeaderMap } from './header-map.ts'

/** Kong's name for itself in Via and Server. */
export const KONG = 'kong/3.9.1'

/** Headers that concern one connection only, and those that are written again for the next connection. */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy',
  'te',
  'transfer-encoding',
  'upgrade',
  'expect',
]

/** @param headers lose, besides those above, the ones that their Connection header names */
function dropHopByHop(headers: HeaderMap): HeaderMap {
  for (const value of headers.getAll('connection')) {
    for (const name of value.split(',')) headers.delete(name.trim())
  }
  for (const name of HOP_BY_HOP) headers.delete(name)
  return headers
}

/** Kong checks only Upgrade: it turns response buffering off, whatever Connection says. */
export function asksForWebsocket(exchange: Exchange): boolean {
  return exchange.headers.get('upgrade')?.toLowerCase() === 'websocket'
}

/** @param body what goes to the upstream; its length is always known, because Kong reads it whole first */
export function upstreamRequestHeaders(exchange: Exchange, body: Uint8Array): string[] {
  const { headers: given, service, route } = exchange
  const headers = dropHopByHop(given.clone())
  const sized = given.has('content-length') || given.has('transfer-encoding') || body.length > 0
  headers.delete('content-length')
  if (sized || !/^(GET|HEAD|DELETE|OPTIONS)$/.test(exchange.method))
    headers.set('Content-Length', String(body.length))
  const host = given.get('host') ?? ''
  const port = service?.port === 80 ? '' : `:${service?.port ?? ''}`
  headers.set('Host', route?.preserve_host ? host : `${service?.host ?? ''}${port}`)
  const websocket = asksForWebsocket(exchange)
  headers.set('Connection', websocket ? 'keep-alive, Upgrade' : 'keep-alive')
  if (websocket) headers.set('Upgrade', 'websocket')
  if (given.getAll('te').some((te) => te.includes('trailers'))) headers.set('TE', 'trailers')
  const via = given.get('via')
  headers.set('Via', `${via ? `${via}, ` : ''}${exchange.httpVersion} ${KONG}`)
  const hops = given.get('x-forwarded-for')
  headers.set('X-Forwarded-For', `${hops ? `${hops}, ` : ''}${exchange.clientIp}`)
  headers.set('X-Forwarded-Proto', 'http')
  headers.set('X-Forwarded-Host', host.replace(/:\d+$/, ''))
  headers.set('X-Forwarded-Port', String(exchange.port))
  headers.set('X-Forwarded-Path', exchange.uri.split('?', 1)[0] ?? '')
  if (exchange.prefix && exchange.prefix !== '/') headers.set('X-Forwarded-Prefix', exchange.prefix)
  else headers.delete('X-Forwarded-Prefix')
  headers.set('X-Real-IP', exchange.clientIp)
  headers.set('X-Kong-Request-Id', exchange.id)
  return headers.toRaw()
}

/** The upstream's headers that the client gets. */
export function fromUpstream(raw: readonly string[]): HeaderMap {
  return dropHopByHop(HeaderMap.fromRaw(raw))
}

/** Kong adds its name to every response, in a header that depends on whether the response comes from the upstream. */
export function signResponse(exchange: Exchange, now: number): void {
  const { responseHeaders: headers, startedAt, times } = exchange
  const accessEnd = times.accessEnd ?? now
  if (exchange.proxied) {
    const answered = (exchange.upstreamBody ? times.upstreamEnd : times.upstreamHead) ?? now
    headers.set('X-Kong-Upstream-Latency', String(answered - accessEnd))
    headers.set('X-Kong-Proxy-Latency', String(accessEnd - startedAt))
    const via = headers.get('via')
    headers.set('Via', `${via ? `${via}, ` : ''}1.1 ${KONG}`)
    if (!headers.has('server')) headers.set('Server', KONG)
  } else {
    headers.set('X-Kong-Response-Latency', String(accessEnd - startedAt))
    headers.set('Server', KONG)
  }
  headers.set('X-Kong-Request-Id', exchange.id)
}
