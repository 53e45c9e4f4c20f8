import type { IncomingMessage, ServerResponse } from 'node:http'
import { type HttpServer, httpServer } from './http-server.ts'

/** An LLM upstream whose next answers a spec decides; by default an OpenAI chat completion of `tokens` tokens. */
export class Upstream {
  tokens = 10
  readonly requests: Array<{
    readonly method: string
    readonly headers: IncomingMessage['headers']
    readonly body: string
  }> = []
  answer: (response: ServerResponse, request: IncomingMessage, body: Buffer) => void = (response) =>
    this.complete(response, this.tokens)
  #server: HttpServer | undefined

  static async start(): Promise<Upstream> {
    const upstream = new Upstream()
    upstream.#server = await httpServer((request, body, response) => {
      upstream.requests.push({
        method: request.method ?? '',
        headers: request.headers,
        body: body.toString('utf8'),
      })
      upstream.answer(response, request, body)
    })
    return upstream
  }

  get port(): number {
    return this.#server?.port ?? 0
  }

  complete(response: ServerResponse, tokens: number, status = 200): void {
    response.writeHead(status, { 'content-type': 'application/json' }).end(completion(tokens))
  }

  async stop(): Promise<void> {
    await this.#server?.close()
  }
}

/** An OpenAI chat completion that reports this many tokens. */
export function completion(tokens: number): string {
  return JSON.stringify({
    id: 'chatcmpl-spec',
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' }],
    usage: {
      prompt_tokens: Math.min(1, tokens),
      completion_tokens: Math.max(0, tokens - 1),
      total_tokens: tokens,
    },
  })
}
