import { expect } from 'chai'
import fc from 'fast-check'
import type { Exchange } from '../../../../../dev/gateway/exchange.ts'
import { HeaderMap } from '../../../../../dev/gateway/header-map.ts'
import { postFunction } from '../../../../../dev/gateway/post-function.ts'
import { tapLua } from '../../../../../plugins/virtual-key/metering/tap/lua.ts'
import { type Tapped, tappedFrom } from '../../../../../plugins/virtual-key/metering/tap/tapped.ts'
import { KEEP, NOTE, noteText, TAPPED } from '../../../../../plugins/virtual-key/request/note.ts'

const HEAD = 16 * 1024
const TAIL = 240 * 1024

describe('The tap', () => {
  const plugin = postFunction(() => undefined)
  const config = Object.fromEntries(Object.entries(tapLua).map(([phase, lua]) => [phase, [lua]]))
  const configuration = { id: 'tap', name: 'post-function', scope: {}, config }
  let id = 0

  /** One request with this body, which passes in pieces. */
  async function tapped(
    pieces: readonly Uint8Array[],
    {
      method = 'POST',
      status = 200,
      type = 'text/event-stream',
      note = '\n{}',
      ended = true,
      request = Buffer.from('{}'),
      headers = {},
    }: {
      method?: string
      status?: number
      type?: string
      note?: string
      ended?: boolean
      request?: Buffer
      headers?: Record<string, string>
    } = {},
  ): Promise<Tapped | undefined> {
    const exchange = {
      id: String(id++),
      method,
      status,
      path: '/v1/chat',
      requestSize: request.length + 100,
      headers: HeaderMap.fromRaw(Object.entries(headers).flat()),
      responseHeaders: HeaderMap.fromRaw(['Content-Type', type, 'X-Prompt-Tokens', '5']),
      ctx: new Map([['buffered_proxying', true]]),
      shared: new Map(note === '' ? [] : [[NOTE, note]]),
      consumer: { id: 'c-1', username: 'a & b=é' },
      credential: { id: 'k-1' },
      service: { id: 's-1', name: 'openai' },
      readBody: async () => request,
    } as unknown as Exchange
    await plugin.access?.(exchange, configuration)
    expect(exchange.ctx.get('buffered_proxying')).to.equal(note === '')
    for (const piece of pieces) plugin.bodyFilter?.(exchange, configuration, piece, false)
    if (ended) plugin.bodyFilter?.(exchange, configuration, new Uint8Array(), true)
    plugin.log?.(exchange, configuration)
    const text = exchange.shared.get(TAPPED)
    return typeof text === 'string' ? tappedFrom(text) : undefined
  }

  const bytes = (length: number) => Buffer.from(Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff))

  function cut(body: Buffer, sizes: readonly number[]): Buffer[] {
    const pieces: Buffer[] = []
    for (let at = 0, i = 0; at < body.length; i++) {
      const size = sizes[i % sizes.length] ?? 1
      pieces.push(body.subarray(at, at + size))
      at += size
    }
    return pieces
  }

  for (const length of [
    0,
    1,
    HEAD - 1,
    HEAD,
    HEAD + 1,
    HEAD + TAIL - 1,
    HEAD + TAIL,
    HEAD + TAIL + 1,
    900_000,
  ]) {
    it(`keeps head and tail of ${length} bytes, however they are cut`, async () => {
      const body = bytes(length)
      for (const sizes of [[900_000], [65_536], [8192, 1], [4095, 4097, 3], [1000, 30_000, 0, 77]]) {
        const seen = await tapped(cut(body, sizes[0] === 0 ? [1] : sizes))
        expect(seen?.seen).to.equal(length)
        const whole = length <= HEAD + TAIL
        expect(seen?.head.length).to.equal(whole ? length : HEAD)
        expect(body.subarray(0, seen?.head.length).equals(seen?.head ?? Buffer.alloc(0))).to.equal(true)
        expect(seen?.tail?.length).to.equal(whole ? undefined : TAIL)
        if (seen?.tail) expect(body.subarray(-TAIL).equals(seen.tail)).to.equal(true)
      }
    })
  }

  it('keeps the same of any cutting', async () => {
    const body = bytes(300_000)
    const size = fc.integer({ min: 1, max: 40_000 })
    await fc.assert(
      fc.asyncProperty(fc.array(size, { minLength: 1, maxLength: 8 }), async (sizes) => {
        fc.pre(sizes.reduce((sum, one) => sum + one, 0) > 1000)
        const seen = await tapped(cut(body, sizes))
        expect(body.subarray(0, HEAD).equals(seen?.head ?? Buffer.alloc(0))).to.equal(true)
        expect(body.subarray(-TAIL).equals(seen?.tail ?? Buffer.alloc(0))).to.equal(true)
      }),
      { numRuns: 20 },
    )
  })

  it('hands over who, what and how', async () => {
    const seen = await tapped([Buffer.from('x')], { note: '\n{"key":"a"}', ended: false })
    expect(seen).to.deep.include({
      status: 200,
      ended: false,
      note: '\n{"key":"a"}',
      consumer: { id: 'c-1', username: 'a & b=é', custom_id: null },
      credentialId: 'k-1',
      service: 'openai',
    })
    expect(seen?.hints.contentType).to.equal('text/event-stream')
    expect(seen?.hints.headers?.['x-prompt-tokens']).to.equal('5')
  })

  it('leaves nothing of what is not counted, and of other kinds only the facts', async () => {
    const body = [Buffer.from('{}')]
    expect(await tapped(body, { note: '' })).to.equal(undefined)
    expect(await tapped(body, { method: 'GET' })).to.equal(undefined)
    expect(await tapped(body, { status: 500 })).to.equal(undefined)
    for (const type of ['image/png', 'audio/mpeg', 'Video/mp4', 'font/woff2'])
      expect((await tapped(body, { type }))?.head.length, type).to.equal(0)
    for (const type of [
      'application/json',
      'application/vnd.amazon.eventstream',
      'application/stream+json',
      'application/x-ndjson',
      'application/x-protobuf',
      'text/html',
      '',
    ])
      expect((await tapped(body, { type }))?.head.length, type).to.equal(2)
  })

  it('a client that hung up before the answer leaves the facts', async () => {
    expect(await tapped([], { status: 499, ended: false })).to.deep.include({
      status: 499,
      ended: false,
      seen: 0,
    })
  })

  describe('keeps the request where the answer does not show what it cost', () => {
    const keeping = { note: `${KEEP}\n{}`, headers: { 'content-type': 'application/json' } }
    const words = Buffer.from('data: {"choices":[{"delta":{"content":"my max_tokens\\": 5"}}]}\n\n')
    const counts = Buffer.from('data: {"usage":{"prompt_tokens": 5}}\n\n')
    const request = Buffer.from('{"prompt":"Hello"}')

    it('an answer without a count, whatever a model writes', async () => {
      const seen = await tapped([words], { ...keeping, request })
      expect(seen?.sent).to.deep.equal({
        path: '/v1/chat',
        body: request,
        length: request.length,
        type: 'application/json',
        encoding: undefined,
      })
    })

    it('an answer whose numbers are no counts, or that is made in the background', async () => {
      const bound = Buffer.from('{"max_output_tokens":100,"prompt_tokens_details":{"audio":1},"usage":null}')
      expect((await tapped([bound], { ...keeping, request }))?.sent?.body).to.deep.equal(request)
      const begun = Buffer.from('{"background": true,"tools":[{"total_tokens":1}],"usage":null}')
      expect((await tapped([begun], { ...keeping, request }))?.sent?.body).to.deep.equal(request)
    })

    it('an answer that broke off, though it had counted', async () => {
      expect((await tapped([counts], { ...keeping, request, ended: false }))?.sent?.body).to.deep.equal(
        request,
      )
    })

    it('an answer before whose beginning the client hung up', async () => {
      const seen = await tapped([], { ...keeping, request, status: 499, ended: false })
      expect(seen?.sent?.body).to.deep.equal(request)
    })

    it('and nowhere else', async () => {
      expect((await tapped([words, counts], { ...keeping, request }))?.sent).to.equal(undefined)
      const long = [counts, bytes(400_000), words]
      expect((await tapped(long, { ...keeping, request }))?.sent).to.equal(undefined)
      expect((await tapped([bytes(400_000), counts], { ...keeping, request }))?.sent).to.equal(undefined)
      expect((await tapped([words], { ...keeping, note: '\n{"key":"keep"}' }))?.sent).to.equal(undefined)
    })

    it('a count by any name that the reader knows, at once or in pieces', async () => {
      for (const name of [
        'eval_count',
        'tokenCount',
        'totalTokenCount',
        'inputTokens',
        'num_tokens_prompt_total',
      ])
        for (const body of [`{"${name}":7}`, `{ "${name}" : 7 }`]) {
          const pieces = [...Buffer.from(body)].map((byte) => Buffer.from([byte]))
          expect((await tapped(pieces, { ...keeping, request }))?.sent, body).to.equal(undefined)
        }
    })

    it('of a long one its beginning, and how long it is', async () => {
      const long = bytes(700_000)
      const { sent } = (await tapped([words], { ...keeping, request: long })) ?? {}
      expect(sent?.length).to.equal(700_000)
      expect(sent?.body.length).to.equal(256 * 1024)
      expect(long.subarray(0, 256 * 1024).equals(sent?.body ?? Buffer.alloc(0))).to.equal(true)
    })

    it('of one that is too long to be read only its length, declared or not', async () => {
      const long = Buffer.alloc(8 * 1024 * 1024 + 1, ' ')
      const headers = { ...keeping.headers, 'content-length': String(long.length) }
      const declared = await tapped([words], { ...keeping, headers, request: long })
      expect(declared?.sent).to.deep.include({ length: long.length, body: Buffer.alloc(0) })
      const undeclared = await tapped([words], { ...keeping, request: long })
      expect(undeclared?.sent).to.deep.include({ length: long.length + 100, body: Buffer.alloc(0) })
    })

    it('beside a change of it', async () => {
      const note = noteText(
        {},
        { keep: true, change: { length: request.length, from: 1, to: 1, text: '"a":1,' } },
      )
      const seen = await tapped([words], { ...keeping, note, request })
      expect(seen?.sent?.body.length).to.be.oneOf([request.length, request.length + 6])
      expect(seen?.note).to.equal(note)
    })
  })
})
