import type { Agent, ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import { access } from './access.ts'
import { pump, whole } from './body.ts'
import { type Answer, type Exchange, errorAnswer } from './exchange.ts'
import { asksForWebsocket, fromUpstream, signResponse } from './forwarding.ts'
import { HeaderMap } from './header-map.ts'
import type { Log } from './log.ts'
import type { Bound, Plan } from './plan.ts'
import { askUpstream, failureAnswer, UpstreamFailure } from './upstream.ts'

/** nginx's status for a client that left before it got its response. */
const CLIENT_GONE = 499

const NOTHING = new Uint8Array()

/** One request from its head to the end of its log phase, in Kong's order. */
export class ExchangeRunner {
  /** as it is when a request begins */
  readonly #plan: () => Plan
  readonly #agent: Agent
  readonly #log: Log

  constructor(plan: () => Plan, agent: Agent, log: Log) {
    this.#plan = plan
    this.#agent = agent
    this.#log = log
  }

  async run(exchange: Exchange, response: ServerResponse): Promise<void> {
    const closed = new Promise((resolve) => response.once('close', resolve))
    const sentBefore = response.socket?.bytesWritten ?? 0
    const socket = response.socket
    const taking = await access(exchange, this.#plan(), this.#log)
    exchange.times.accessEnd = Date.now()
    if (exchange.answer) this.#send(exchange, exchange.answer, taking, response)
    else if (this.#buffered(exchange)) await this.#proxyBuffered(exchange, taking, response)
    else await this.#proxyStreaming(exchange, taking, response)
    await closed
    exchange.times.end = Date.now()
    exchange.bytesSent = (socket?.bytesWritten ?? 0) - sentBefore
    const later = taking.map(({ plugin, configuration }) => plugin.log?.(exchange, configuration))
    await Promise.all(later.map((work) => work?.()))
  }

  #buffered(exchange: Exchange): boolean {
    const wanted = exchange.ctx.get('buffered_proxying')
    if (wanted === undefined || wanted === false) return false
    if (!asksForWebsocket(exchange)) return true
    this.#log('notice', 'response buffering was turned off: connection upgrade (websocket)')
    return false
  }

  /** After a client has hung up, the upstream is still read to its end, and the plugins see everything. */
  async #proxyBuffered(
    exchange: Exchange,
    taking: readonly Bound[],
    response: ServerResponse,
  ): Promise<void> {
    exchange.proxied = true
    let head: IncomingMessage
    let body: Buffer
    try {
      head = await askUpstream(exchange, this.#agent, () => {})
      exchange.times.upstreamHead = Date.now()
      body = await whole(head)
    } catch (error) {
      this.#upstreamFailed(exchange, error, taking, response)
      return
    }
    exchange.times.upstreamEnd = Date.now()
    exchange.upstreamBody = body
    takeHead(exchange, head)
    try {
      for (const { plugin, configuration } of taking) {
        if (!exchange.answer) await plugin.response?.(exchange, configuration)
      }
    } catch (error) {
      this.#log('err', String(error))
      exchange.answer = errorAnswer(exchange, 500, 'An unexpected error occurred', [], 'error')
      // Kong makes the error's response without any header of the one before.
      for (const [name] of [...exchange.responseHeaders.entries()]) exchange.responseHeaders.delete(name)
    }
    if (exchange.answer) this.#send(exchange, exchange.answer, taking, response)
    else {
      signResponse(exchange, Date.now())
      response.writeHead(exchange.status, head.statusMessage, exchange.responseHeaders.toRaw())
      this.#filter(exchange, taking, body, true)
      response.end(body)
    }
  }

  async #proxyStreaming(
    exchange: Exchange,
    taking: readonly Bound[],
    response: ServerResponse,
  ): Promise<void> {
    exchange.proxied = true
    let asked: ClientRequest | undefined
    const hungUp = (): void => {
      if (response.writableFinished) return
      exchange.status = CLIENT_GONE
      asked?.destroy()
    }
    response.once('close', hungUp)
    if (response.destroyed) return hungUp()
    try {
      const head = await askUpstream(exchange, this.#agent, (request) => {
        asked = request
      })
      exchange.times.upstreamHead = Date.now()
      takeHead(exchange, head)
      signResponse(exchange, Date.now())
      response.writeHead(exchange.status, head.statusMessage, exchange.responseHeaders.toRaw())
      response.flushHeaders()
      await pump(head, response, (chunk) => this.#filter(exchange, taking, chunk, false))
      this.#filter(exchange, taking, NOTHING, true)
      response.end()
    } catch (error) {
      if (exchange.status === CLIENT_GONE) return
      if (response.headersSent) response.destroy()
      else this.#upstreamFailed(exchange, error, taking, response)
    }
  }

  #upstreamFailed(
    exchange: Exchange,
    error: unknown,
    taking: readonly Bound[],
    response: ServerResponse,
  ): void {
    // A client that left before its request was complete has failed, not the upstream.
    if (response.destroyed && !(error instanceof UpstreamFailure)) {
      exchange.status = CLIENT_GONE
      return
    }
    this.#log('err', String(error))
    exchange.upstreamHeaders = undefined
    exchange.upstreamBody = undefined
    const known = error instanceof UpstreamFailure
    exchange.answer = known ? error.answer : failureAnswer(exchange, error as NodeJS.ErrnoException)
    exchange.upstreamStatus = exchange.answer.status
    this.#send(exchange, exchange.answer, taking, response)
  }

  #send(exchange: Exchange, answer: Answer, taking: readonly Bound[], response: ServerResponse): void {
    const body = Buffer.from(answer.body as Uint8Array)
    exchange.status = answer.status
    const own = HeaderMap.fromRaw(answer.headers.flat())
    own.delete('transfer-encoding')
    if (!own.has('content-length')) own.set('Content-Length', String(body.length))
    exchange.responseHeaders.overlay(own)
    signResponse(exchange, Date.now())
    this.#filter(exchange, taking, body, true)
    if (response.destroyed) return
    response.writeHead(answer.status, exchange.responseHeaders.toRaw())
    response.end(body)
  }

  #filter(exchange: Exchange, taking: readonly Bound[], chunk: Uint8Array, last: boolean): void {
    for (const { plugin, configuration } of taking) plugin.bodyFilter?.(exchange, configuration, chunk, last)
  }
}

function takeHead(exchange: Exchange, head: IncomingMessage): void {
  exchange.status = head.statusCode ?? 502
  exchange.upstreamStatus = exchange.status
  const headers = fromUpstream(head.rawHeaders)
  exchange.upstreamHeaders = headers
  exchange.responseHeaders.overlay(headers)
}
