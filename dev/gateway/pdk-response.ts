import { type Answer, type Exchange, JSON_TYPE, type Phase } from './exchange.ts'
import type { HeaderMap } from './header-map.ts'
import { headerValues, limit, multiMap, type PdkMethods, PdkRaise, single, text } from './pdk-call.ts'
import { isValues } from './validation.ts'

const AFTER: readonly Phase[] = ['response', 'log']
const BEFORE: readonly Phase[] = ['access', 'response']

/** kong.response.* and kong.service.response.* */
export const responseMethods: PdkMethods = {
  'kong.response.get_status': { phases: AFTER, call: ({ exchange }) => exchange.status },
  'kong.response.get_header': {
    phases: AFTER,
    call: ({ exchange, phase }, [name]) =>
      single(responseHeaders(exchange, phase).get(text(name, 'header name'))),
  },
  'kong.response.get_headers': {
    phases: AFTER,
    call: ({ exchange, phase }, [max]) =>
      multiMap(responseHeaders(exchange, phase), limit(max, 'max_headers')),
  },
  'kong.response.get_source': {
    phases: AFTER,
    call: ({ exchange }) => exchange.answer?.source ?? (exchange.proxied ? 'service' : 'error'),
  },
  'kong.response.set_header': {
    phases: BEFORE,
    call: ({ exchange }, [name, value]) => setHeader(exchange, name, value),
  },
  'kong.response.set_headers': {
    phases: BEFORE,
    call: ({ exchange }, [headers]) => {
      if (!isValues(headers)) throw new PdkRaise('headers must be a table')
      for (const [name, value] of Object.entries(headers)) setHeader(exchange, name, value)
    },
  },
  'kong.response.clear_header': {
    phases: BEFORE,
    call: ({ exchange }, [name]) => {
      exchange.responseHeaders.delete(text(name, 'header name'))
    },
  },
  'kong.response.exit': {
    phases: BEFORE,
    call: ({ exchange }, args) => {
      exchange.answer = exitAnswer(...(args as [unknown, unknown, unknown]))
    },
  },
  'kong.service.response.get_status': {
    phases: ['response'],
    call: ({ exchange }) => exchange.upstreamStatus,
  },
  // Observed in Kong: a buffered response returns no table of headers, only single ones.
  'kong.service.response.get_headers': { phases: ['response'], call: () => ({}) },
  'kong.service.response.get_header': {
    phases: ['response'],
    call: ({ exchange }, [name]) => single(exchange.upstreamHeaders?.get(text(name, 'name'))),
  },
  'kong.service.response.get_raw_body': {
    phases: ['response'],
    call: ({ exchange }) => exchange.upstreamBody ?? Buffer.alloc(0),
  },
}

function setHeader(exchange: Exchange, name: unknown, value: unknown): void {
  const header = text(name, 'header name')
  const values = headerValues(name, value)
  if (!/^transfer.encoding$/i.test(header)) exchange.responseHeaders.set(header, ...values)
}

/** nginx adds other headers to the response's own at each stage of the response. */
export function responseHeaders(exchange: Exchange, phase: Phase): HeaderMap {
  const seen = exchange.responseHeaders.clone()
  seen.set('connection', phase === 'response' && exchange.keepAlive ? 'keep-alive' : 'close')
  const bodiless = exchange.method === 'HEAD' || exchange.status === 204 || exchange.status === 304
  if (phase === 'log' && !bodiless && exchange.httpVersion === '1.1' && !seen.has('content-length')) {
    seen.set('transfer-encoding', 'chunked')
  }
  return seen
}

function exitAnswer(status: unknown, body: unknown, headers: unknown): Answer {
  if (typeof status !== 'number' || status < 100 || status > 599) {
    throw new PdkRaise('code must be a number between 100 and 599')
  }
  const list: [string, string][] = []
  if (headers !== undefined && headers !== null) {
    // An empty Lua table arrives as an empty list.
    if (!isValues(headers) && !(Array.isArray(headers) && headers.length === 0)) {
      throw new PdkRaise('headers must be a nil or table')
    }
    for (const [name, value] of Object.entries(headers)) {
      for (const item of headerValues(name, value)) list.push([name, item])
    }
  }
  if (body === undefined || body === null) return { status, headers: list, body: '', source: 'exit' }
  if (typeof body === 'string' || body instanceof Uint8Array)
    return { status, headers: list, body, source: 'exit' }
  if (typeof body !== 'object') throw new PdkRaise('body must be a nil, string or table')
  if (!list.some(([name]) => /^content.type$/i.test(name))) list.push(['Content-Type', JSON_TYPE])
  return { status, headers: list, body: JSON.stringify(body), source: 'exit' }
}
