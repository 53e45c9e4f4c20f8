import { WORKSPACE_ID } from './entities.ts'
import type { Exchange } from './exchange.ts'
import { type HeaderMap, utf8 } from './header-map.ts'
import { responseHeaders } from './pdk-response.ts'
import { queryArguments } from './query-string.ts'

/** Kong never writes these to a log. */
const REDACTED = ['authorization', 'proxy-authorization']

/** What kong.log.serialize tells about a finished request. */
export function serialize(exchange: Exchange): Record<string, unknown> {
  const request = flat(exchange.headers)
  for (const name of REDACTED) if (name in request) request[name] = 'REDACTED'
  const host = exchange.headers.get('host')?.replace(/:\d+$/, '') ?? ''
  return {
    request: {
      id: exchange.id,
      method: exchange.method,
      uri: exchange.uri,
      url: `http://${host}:${exchange.port}${exchange.uri}`,
      querystring: lists(queryArguments(exchange.query)),
      headers: request,
      size: exchange.requestSize,
    },
    response: {
      status: exchange.status,
      headers: flat(responseHeaders(exchange, 'log')),
      size: exchange.bytesSent,
    },
    upstream_uri: exchange.upstreamPath + (exchange.query === undefined ? '' : `?${exchange.query}`),
    upstream_status: upstreamStatus(exchange),
    latencies: latencies(exchange),
    tries: exchange.attempts.map(({ ip, port, start }) => ({
      ip,
      port,
      balancer_start: start,
      balancer_start_ns: start * 1e6,
      balancer_latency: 0,
      balancer_latency_ns: 0,
    })),
    authenticated_entity: exchange.credential && { id: exchange.credential.id },
    route: exchange.route,
    service: exchange.service,
    consumer: exchange.consumer,
    client_ip: exchange.clientIp,
    started_at: exchange.startedAt,
    source: exchange.proxied && !exchange.answer ? 'upstream' : 'kong',
    workspace: exchange.route && WORKSPACE_ID,
    workspace_name: 'default',
  }
}

/** nginx knows a streamed upstream's status as text, a buffered one's as a number. */
function upstreamStatus({ upstreamStatus, upstreamBody }: Exchange): number | string {
  if (upstreamStatus === undefined) return ''
  return upstreamBody === undefined ? String(upstreamStatus) : upstreamStatus
}

/** ms; proxy is the time to the upstream's first byte (buffered: to its last), -1 when it was not asked */
function latencies({ times, startedAt, proxied, upstreamBody }: Exchange): Record<string, number> {
  const end = times.end ?? startedAt
  const before = times.accessEnd ?? end
  const answered = (upstreamBody ? times.upstreamEnd : times.upstreamHead) ?? end
  return {
    kong: before - startedAt,
    proxy: proxied ? answered - before : -1,
    receive: proxied ? end - answered : 0,
    request: end - startedAt,
  }
}

function flat(headers: HeaderMap): Record<string, unknown> {
  return lists(new Map([...headers.entries(100)].map(([name, values]) => [name, values.map(utf8)])))
}

/** One value stands alone, several as a list. */
function lists(map: ReadonlyMap<string, readonly unknown[]>): Record<string, unknown> {
  return Object.fromEntries(
    [...map].map(([name, values]) => [name, values.length === 1 ? values[0] : values]),
  )
}
