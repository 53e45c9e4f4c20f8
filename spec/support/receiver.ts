import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { type HttpServer, httpServer } from './http-server.ts'

export interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly path: string
}

/** A webhook receiver that keeps what it gets. How it answers can be changed at any time. */
export class Receiver {
  readonly received: Received[] = []
  answer: (response: ServerResponse, received: Received) => void = (response) => response.writeHead(204).end()
  #server: HttpServer | undefined

  static async start(): Promise<Receiver> {
    const receiver = new Receiver()
    receiver.#server = await httpServer((request, body, response) => {
      const received = { headers: request.headers, body: body.toString('utf8'), path: request.url ?? '' }
      receiver.received.push(received)
      receiver.answer(response, received)
    })
    return receiver
  }

  get url(): string {
    return `${this.#server?.url}/alerts`
  }

  /** Distinct webhook-ids. */
  get ids(): Set<string> {
    return new Set(this.received.map(({ headers }) => String(headers['webhook-id'])))
  }

  async stop(): Promise<void> {
    await this.#server?.close()
  }
}
