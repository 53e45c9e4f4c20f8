import { type Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import { type Answer, type Exchange, errorAnswer } from './exchange.ts'
import { upstreamRequestHeaders } from './forwarding.ts'

/** The upstream gave no usable response; `answer` is what Kong tells the client. */
export class UpstreamFailure extends Error {
  readonly answer: Answer

  constructor(answer: Answer, cause: unknown) {
    super(`upstream: ${String(cause)}`, { cause })
    this.answer = answer
  }
}

/** The upstream may have closed a pooled connection meanwhile; Kong then sends the request again, but never with these methods. */
const NOT_REPEATED = new Set(['POST', 'LOCK', 'PATCH'])

/**
 * Sends the exchange's request to its service.
 * @param opened gets the request to destroy when the client hangs up
 * @throws UpstreamFailure
 */
export async function askUpstream(
  exchange: Exchange,
  agent: Agent,
  opened: (request: ClientRequest) => void,
): Promise<IncomingMessage> {
  const service = exchange.service
  if (!service) throw new Error('asked an upstream for a request without a service')
  const body = exchange.newBody ?? (await exchange.readBody())
  const query = exchange.query === undefined ? '' : `?${exchange.query}`
  exchange.attempts.push({ ip: service.host, port: service.port, start: Date.now() })
  return await new Promise((resolve, reject) => {
    const asked = request({
      agent,
      host: service.host,
      port: service.port,
      method: exchange.method,
      path: exchange.upstreamPath + query,
      headers: upstreamRequestHeaders(exchange, body),
    })
    opened(asked)
    asked.setTimeout(service.read_timeout, () => asked.destroy(new TimedOut('timed out')))
    asked.on('response', resolve)
    asked.on('upgrade', (_response, socket) => {
      socket.destroy()
      const why = 'switching protocols is not supported by the development gateway'
      reject(new UpstreamFailure(errorAnswer(exchange, 502, BAD), why))
    })
    asked.on('error', (error: NodeJS.ErrnoException) => {
      const again = asked.reusedSocket && error.code === 'ECONNRESET' && !NOT_REPEATED.has(exchange.method)
      if (again) resolve(askUpstream(exchange, agent, opened))
      else reject(new UpstreamFailure(failureAnswer(exchange, error), error))
    })
    asked.end(body)
  })
}

class TimedOut extends Error {}

const BAD = 'An invalid response was received from the upstream server'

/** @param error what node:http says went wrong */
export function failureAnswer(exchange: Exchange, error: NodeJS.ErrnoException): Answer {
  if (error instanceof TimedOut) return errorAnswer(exchange, 504, 'The upstream server is timing out')
  if (error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN') {
    return errorAnswer(exchange, 503, 'name resolution failed')
  }
  return errorAnswer(exchange, 502, BAD)
}
