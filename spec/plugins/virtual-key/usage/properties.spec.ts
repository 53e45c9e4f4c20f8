import { expect } from 'chai'
import fc from 'fast-check'
import { inspectUsage, readUsage } from '../../../../plugins/virtual-key/usage/read-usage.ts'
import { fixtures } from '../../../fixtures/usage/fixtures.ts'
import { expectUsage } from './expected.ts'

/** What bodies are made of, so that random bytes get past the first byte. */
const SCRAPS = [
  ...[
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    '\\"',
    ' ',
    '\n',
    '\r',
    '\n\n',
    'data:',
    'data: ',
    'event: x\n',
    ': c\n',
  ],
  ...[
    '"usage":',
    '"total_tokens":',
    '"prompt_tokens"',
    '_token',
    'Token',
    '_count',
    '12',
    '-1e3',
    'null',
    'true',
  ],
  ...[
    '{"usage":{"total_tokens":3}}',
    '{"response":{"usage":',
    '"type":"response.x"',
    '[DONE]',
    'é',
    '\uFEFF',
  ],
].map((scrap) => Buffer.from(scrap))
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc
    .array(fc.constantFrom(...SCRAPS), { maxLength: 60 })
    .map((scraps) => Uint8Array.from(Buffer.concat(scraps))),
)
const damagedFixture = fc
  .tuple(fc.constantFrom(...fixtures), fc.nat(), fc.nat(), fc.uint8Array({ maxLength: 4 }))
  .map(([{ body }, from, count, inserted]) => {
    const at = from % (body.length + 1)
    return Uint8Array.from(Buffer.concat([body.subarray(0, at), inserted, body.subarray(at + (count % 40))]))
  })
const hints = fc.record(
  {
    contentType: fc.constantFrom('text/event-stream', 'application/vnd.amazon.eventstream', 'x'),
    contentEncoding: fc.constantFrom('gzip', 'deflate', 'br', 'zstd', 'identity', ' , '),
  },
  { requiredKeys: [] },
)

/** Values with names of usage everywhere but at the document's own path. */
const decoys = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.jsonValue(),
    tie('usage'),
    tie('object'),
    fc.array(tie('value'), { maxLength: 3 }),
  ),
  usage: fc.record({ total_tokens: fc.nat(), prompt_tokens: fc.nat(), totalTokenCount: fc.nat() }),
  object: fc.record({
    usage: tie('value'),
    usageMetadata: tie('value'),
    tokens: tie('value'),
    text: fc.string(),
  }),
})).object

describe('usage: properties', () => {
  it('any bytes, whole or with their middle missing, give an answer and no exception', function () {
    // 4,000 bodies; a damaged zstd one costs tens of milliseconds where the runtime has no zstd of its own.
    this.timeout(300_000)
    fc.assert(
      fc.property(
        fc.oneof(bytes, damagedFixture),
        hints,
        fc.array(fc.nat(), { minLength: 2, maxLength: 2 }),
        (body, hint, cuts) => {
          const [from = 0, to = 0] = cuts.map((cut) => cut % (body.length + 1)).sort((a, b) => a - b)
          inspectUsage(body, hint)
          inspectUsage({ head: body.subarray(0, from), tail: body.subarray(to) }, hint)
          const { contentEncoding: _, ...others } = hint
          const none = { head: new Uint8Array(), tail: body }
          expect(inspectUsage(none, others), 'all of it is there').to.deep.equal(inspectUsage(body, others))
        },
      ),
      { numRuns: 4000 },
    )
  })

  it("only the document's own path counts, in any nesting and any order of members", () => {
    fc.assert(
      fc.property(
        decoys,
        decoys,
        fc.nat(1e6),
        fc.boolean(),
        fc.nat(3),
        (before, after, total, reports, indent) => {
          const own = reports ? { usage: { total_tokens: total } } : {}
          const body = Buffer.from(
            JSON.stringify({ choices: before, ...own, data: [after], output: after }, null, indent),
          )
          const expected = reports ? ([undefined, undefined, total] as const) : undefined
          expectUsage(readUsage(body), expected, body.toString())
          const event = Buffer.from(`data: ${JSON.stringify(JSON.parse(body.toString()))}\n\n`)
          expectUsage(readUsage(event), expected, 'as an event')
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('any string, escaped in any way, hides what it holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 90 }), fc.nat(60), (text, backslashes) => {
        const content = `${text}${'\\'.repeat(backslashes)}","usage":{"total_tokens":9}}`
        const body = Buffer.from(
          JSON.stringify({ a: [content, { content }], usage: { total_tokens: 4 }, b: content }),
        )
        expectUsage(readUsage(body), [undefined, undefined, 4], body.toString())
      }),
      { numRuns: 1000 },
    )
  })
})
