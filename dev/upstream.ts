import type { Server, ServerResponse } from 'node:http'
import { bodyOf, listen } from './listen.ts'

interface ChatRequest {
  readonly model?: string
  readonly stream?: boolean
  readonly messages?: ReadonlyArray<{ readonly content?: unknown }>
}

const ANSWER = 'Tokens are the small pieces of text that a language model reads and writes.'.split(' ')

/** A sample LLM upstream: answers POST /v1/chat/completions as OpenAI does, one token a word, plain or streamed. */
export function startUpstream(port: number): Promise<Server> {
  return listen(
    port,
    'the sample upstream',
    'stop what listens there; kong.yml names it',
    async (request, response) => {
      if (request.method !== 'POST' || !request.url?.startsWith('/v1/chat/completions')) {
        response.writeHead(404, { 'content-type': 'application/json' })
        response.end('{"error":{"message":"the sample upstream knows POST /v1/chat/completions"}}')
        return
      }
      const chat = parse(await bodyOf(request))
      const words = (chat.messages ?? [])
        .flatMap(({ content }) => String(content ?? '').split(/\s+/))
        .filter(Boolean)
      const usage = {
        prompt_tokens: words.length,
        completion_tokens: ANSWER.length,
        total_tokens: words.length + ANSWER.length,
      }
      const head = {
        id: 'chatcmpl-sample',
        created: Math.floor(Date.now() / 1000),
        model: chat.model ?? 'sample',
      }
      if (chat.stream) return stream(response, head, usage)
      response.writeHead(200, { 'content-type': 'application/json' })
      const message = { role: 'assistant', content: ANSWER.join(' ') }
      const choices = [{ index: 0, message, finish_reason: 'stop' }]
      response.end(JSON.stringify({ ...head, object: 'chat.completion', choices, usage }))
    },
  )
}

/** One word every 50 ms, so that one sees whether a gateway lets a stream through. */
async function stream(response: ServerResponse, head: object, usage: object): Promise<void> {
  const send = (members: object) =>
    response.write(`data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', ...members })}\n\n`)
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const [i, word] of ANSWER.entries()) {
    if (response.destroyed) return
    send({ choices: [{ index: 0, delta: { content: i === 0 ? word : ` ${word}` }, finish_reason: null }] })
    await new Promise((wake) => setTimeout(wake, 50))
  }
  send({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })
  send({ choices: [], usage })
  response.end('data: [DONE]\n\n')
}

function parse(body: string): ChatRequest {
  try {
    return JSON.parse(body) as ChatRequest
  } catch {
    return {}
  }
}
