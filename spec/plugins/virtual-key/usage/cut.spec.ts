import { readUsage } from '../../../../plugins/virtual-key/usage/read-usage.ts'
import type { FramedEvent } from '../../../fixtures/usage/wire.ts'
import { chunk, eventStream, json, ndjson, sse } from '../../../fixtures/usage/wire.ts'
import { expectUsage } from './expected.ts'
import { random } from './random.ts'

const prose = 'He said: "usage", \\ {[}] 1, 2, true… naïve "quotes": {"a": [1]}\n'
const text = (bytes: number) => prose.repeat(Math.ceil(bytes / prose.length))
const usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 }
const parts = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ type: 'text', text: text(90), index: [n] }))
const small = <T>(count: number, make: (n: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => make(n))

interface Cut {
  readonly name: string
  readonly body: Buffer
  /** Bytes at the start and at the end that stay, because the usage is there. */
  readonly keep: readonly [number, number]
  readonly expected: [number, number, number]
}

const bodies: Cut[] = [
  {
    name: 'chat, usage at the end',
    body: json({ id: 'x', choices: [{ message: { content: text(3000) } }], usage }),
    keep: [1, 90],
    expected: [11, 7, 18],
  },
  {
    name: 'chat, usage at the beginning',
    body: json({ id: 'x', usage, choices: [{ message: { content: text(3000) } }] }),
    keep: [90, 1],
    expected: [11, 7, 18],
  },
  {
    name: 'chat, deep and indented, members after the usage',
    body: json(
      { choices: small(9, () => ({ message: { content: parts(3) } })), usage, system: { a: [1, 'x'] } },
      2,
    ),
    keep: [1, 300],
    expected: [11, 7, 18],
  },
  {
    name: 'gemini array',
    body: json(
      small(9, (n) => ({
        candidates: [{ content: { parts: parts(2) } }],
        usageMetadata: { promptTokenCount: 11, candidatesTokenCount: n - 1, totalTokenCount: n + 10 },
      })),
    ),
    keep: [1, 120],
    expected: [11, 7, 18],
  },
  {
    name: 'chat stream',
    body: sse([
      ...small(40, () => ({ choices: [{ delta: { content: prose } }], usage: null })),
      { choices: [], usage },
    ]),
    keep: [1, 110],
    expected: [11, 7, 18],
  },
  {
    name: 'responses stream, seam in the last event',
    body: sse([
      ...small(9, () => ['response.output_text.delta', { type: 'response.output_text.delta', delta: prose }]),
      [
        'response.completed',
        {
          type: 'response.completed',
          response: {
            output: parts(20),
            usage: { input_tokens: 11, output_tokens: 7, total_tokens: 18 },
            user: null,
          },
        },
      ],
    ]),
    keep: [1, 110],
    expected: [11, 7, 18],
  },
  {
    name: 'anthropic stream, usage at both ends',
    body: sse([
      [
        'message_start',
        { type: 'message_start', message: { usage: { input_tokens: 11, output_tokens: 1 } } },
      ],
      ...small(40, () => ['content_block_delta', { type: 'content_block_delta', delta: { text: prose } }]),
      ['message_delta', { type: 'message_delta', usage: { output_tokens: 7 } }],
    ]),
    keep: [140, 110],
    expected: [11, 7, 18],
  },
  {
    name: 'ollama stream',
    body: ndjson([
      ...small(40, () => ({ message: { content: prose }, done: false })),
      { message: { content: '' }, done: true, prompt_eval_count: 11, eval_count: 7 },
    ]),
    keep: [60, 80],
    expected: [11, 7, 18],
  },
  {
    name: 'converse stream',
    body: eventStream([
      ...small(40, () => ['contentBlockDelta', { delta: { text: prose } }] as FramedEvent),
      ['metadata', { usage: { inputTokens: 11, outputTokens: 7, totalTokens: 18 } }],
    ]),
    keep: [20, 200],
    expected: [11, 7, 18],
  },
  {
    name: 'invoke stream',
    body: eventStream([
      ...small(40, () => chunk({ delta: { text: prose } })),
      chunk({ 'amazon-bedrock-invocationMetrics': { inputTokenCount: 11, outputTokenCount: 7 } }),
    ]),
    keep: [20, 300],
    expected: [11, 7, 18],
  },
]

describe('usage: a body whose middle was cut out', () => {
  for (const { name, body, keep, expected } of bodies) {
    it(name, () => {
      const next = random(1)
      const room = body.length - keep[0] - keep[1]
      for (let round = 0; round < 400; round++) {
        const from = keep[0] + Math.floor(next() * room)
        const to = from + Math.floor(next() * (body.length - keep[1] - from))
        const head = body.subarray(0, from)
        const tail = body.subarray(to)
        expectUsage(readUsage({ head, tail }), expected, `${from}-${to} missing`)
      }
    })
  }

  it('a document that breaks in its middle, in a body or in an event, is still read at its end', () => {
    const start = `{"id":"x","choices":[{"message":{"content":"${'x'.repeat(99)}`
    const broken = `${start}lo"}]],nothing,"a":1},"usage":${JSON.stringify(usage)}}`
    expectUsage(readUsage(Buffer.from(broken)), [11, 7, 18], 'a body')
    expectUsage(readUsage(Buffer.from(`data: ${broken}\n\n`)), [11, 7, 18], 'an event')
  })

  it('an array whose elements report less and less is not added up', () => {
    const head = Buffer.from('[{"usageMetadata":{"totalTokenCount":9}},{"candidates":["abc')
    const tail = Buffer.from('xyz"]},{"usageMetadata":{"totalTokenCount":5}}]')
    expectUsage(readUsage({ head, tail }), [undefined, undefined, 5], 'the last element counts')
  })
})
