import { json, ndjson, sse } from '../fixtures/usage/wire.ts'

/** A body to measure; `stream`: of several JSON documents. */
export interface Body {
  readonly name: string
  readonly body: Buffer
  readonly stream: boolean
}

const usage = { prompt_tokens: 1200, completion_tokens: 3400, total_tokens: 4600 }
const words = 'The model answers "yes", then lists:\n- naïve café\n- plain words that go on for a while. '
const text = (bytes: number) => words.repeat(Math.ceil(bytes / words.length)).slice(0, bytes)
const list = <T>(count: number, make: (n: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => make(n))
const head = {
  id: 'chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT',
  created: 1741569952,
  model: 'gpt-4.1-2025-04-14',
}

/** Bodies as providers send them, under 10 KB or over 100 KB. */
export function bodies(large: boolean): Body[] {
  const size = large ? 100 : 1
  const json1 = (name: string, value: unknown, indent?: number) => ({
    name,
    body: json(value, indent),
    stream: false,
  })
  const stream = (name: string, body: Buffer) => ({ name, body, stream: true })
  return [
    json1('chat, prose', { ...head, choices: [{ message: { content: text(3000 * size) } }], usage }),
    json1('chat, log probabilities', {
      ...head,
      choices: [
        {
          message: {},
          logprobs: {
            content: list(25 * size, (n) => ({ token: ` t${n}`, logprob: -n / 7, bytes: [32, 116] })),
          },
        },
      ],
      usage,
    }),
    json1('embeddings, floats', {
      object: 'list',
      data: list(Math.ceil(size / 5), (index) => ({
        index,
        embedding: list(large ? 1536 : 256, (n) => Math.sin(n + index)),
      })),
      usage: { prompt_tokens: 8, total_tokens: 8 },
    }),
    json1('image, base64', {
      created: 1,
      data: [{ b64_json: 'iVBORw0KGgo'.repeat(400 * size) }],
      usage: { input_tokens: 1, output_tokens: 2, total_tokens: 3 },
    }),
    json1(
      'responses, indented, tool calls',
      {
        id: 'resp_1',
        object: 'response',
        max_output_tokens: null,
        output: list(12 * size, (n) => ({
          type: 'function_call',
          id: `fc_${n}`,
          name: 'search',
          arguments: `{"q":"${n}"}`,
          status: 'completed',
        })),
        usage: { input_tokens: 1, output_tokens: 2, total_tokens: 3 },
      },
      2,
    ),
    stream(
      'chat stream, usage null in each event',
      sse([
        ...list(20 * size, (n) => ({
          ...head,
          choices: [{ index: 0, delta: { content: ` w${n}` } }],
          usage: null,
        })),
        { ...head, choices: [], usage },
        '[DONE]',
      ]),
    ),
    stream(
      'anthropic stream',
      sse([
        [
          'message_start',
          { type: 'message_start', message: { usage: { input_tokens: 9, output_tokens: 1 } } },
        ],
        ...list(40 * size, (n) => [
          'content_block_delta',
          { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: ` w${n}` } },
        ]),
        ['message_delta', { type: 'message_delta', delta: {}, usage: { output_tokens: 77 } }],
      ]),
    ),
    stream(
      'gemini stream, usage in each event',
      sse(
        list(12 * size, (n) => ({
          candidates: [{ content: { parts: [{ text: text(120) }], role: 'model' }, index: 0 }],
          usageMetadata: { promptTokenCount: 10, candidatesTokenCount: n, totalTokenCount: n + 10 },
          modelVersion: 'gemini-2.5-flash',
        })),
        '\r\n',
      ),
    ),
    stream(
      'perplexity stream, usage in each event',
      sse(
        list(20 * size, (n) => ({
          ...head,
          usage: { ...usage, completion_tokens: n },
          choices: [{ delta: { content: ` w${n}` } }],
        })),
      ),
    ),
    stream(
      'ollama stream',
      ndjson([
        ...list(60 * size, (n) => ({
          model: 'llama3',
          created_at: '2024-05-24T20:57:43Z',
          message: { content: ` w${n}` },
          done: false,
        })),
        { model: 'llama3', done: true, prompt_eval_count: 17, eval_count: 63 },
      ]),
    ),
  ]
}
