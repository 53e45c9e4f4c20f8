import * as zlib from 'node:zlib'
import { expect } from 'chai'
import { inspectUsage, readUsage } from '../../../../../plugins/virtual-key/usage/read-usage.ts'
import { eventStream, json, sse } from '../../../../fixtures/usage/wire.ts'
import { expectUsage } from '../expected.ts'

const usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 }
const events = Array.from({ length: 200 }, (_, n) => ({
  choices: [{ delta: { content: `token ${n * 7919}` } }],
}))
const body = sse([...events, { choices: [], usage }])
const encodings: Record<string, (bytes: Buffer) => Buffer> = {
  gzip: zlib.gzipSync,
  'x-gzip': zlib.gzipSync,
  deflate: zlib.deflateSync,
  br: zlib.brotliCompressSync,
}

describe('usage: content codings', () => {
  for (const [name, encode] of Object.entries(encodings)) {
    it(`${name}, with the header and without`, () => {
      for (const contentEncoding of [name, name.toUpperCase(), undefined]) {
        const hints = contentEncoding === undefined ? {} : { contentEncoding }
        expectUsage(readUsage(encode(body), hints), [11, 7, 18], `${contentEncoding}`)
      }
    })

    it(`${name} cut short gives what was sent up to there`, () => {
      const start = { type: 'message_start', message: { usage: { input_tokens: 5, output_tokens: 1 } } }
      const encoded = encode(sse([start, ...events]))
      const cut = encoded.subarray(0, Math.floor(encoded.length * 0.8))
      expectUsage(readUsage(cut, { contentEncoding: name }), [5, 1, 6], 'truncated')
      const parts = { head: cut, tail: encoded.subarray(-9) }
      expectUsage(readUsage(parts, { contentEncoding: name }), [5, 1, 6], 'the tail cannot be decoded')
    })
  }

  it('deflate without its zlib wrapper, and gzip of several members', () => {
    expectUsage(readUsage(zlib.deflateRawSync(body), { contentEncoding: 'deflate' }), [11, 7, 18], 'raw')
    const members = [body.subarray(0, 999), body.subarray(999)].map((part) => zlib.gzipSync(part))
    expectUsage(readUsage(Buffer.concat(members), { contentEncoding: 'gzip' }), [11, 7, 18], 'members')
  })

  it('several codings, outermost last in the header', () => {
    const encoded = zlib.brotliCompressSync(zlib.gzipSync(body))
    expectUsage(readUsage(encoded, { contentEncoding: 'gzip, br' }), [11, 7, 18], 'gzip in br')
  })

  it('an event stream in gzip, and one that was decoded already', () => {
    const stream = eventStream([
      ['metadata', { usage: { inputTokens: 8, outputTokens: 9, totalTokens: 17 } }],
    ])
    expectUsage(readUsage(zlib.gzipSync(stream), { contentEncoding: 'gzip' }), [8, 9, 17], 'gzip')
    expectUsage(readUsage(stream, { contentEncoding: 'gzip' }), [8, 9, 17], 'decoded')
  })

  it('a header that is left over from before the body was decoded', () => {
    for (const contentEncoding of [...Object.keys(encodings), 'zstd', 'identity', 'nonsense']) {
      expectUsage(readUsage(body, { contentEncoding }), [11, 7, 18], contentEncoding)
      expectUsage(readUsage(json({ usage }), { contentEncoding }), [11, 7, 18], `${contentEncoding}, JSON`)
      const parts = { head: body.subarray(0, 99), tail: body.subarray(-99) }
      expectUsage(
        readUsage(parts, { contentEncoding }),
        [11, 7, 18],
        `${contentEncoding}, its middle missing`,
      )
    }
  })
})

describe('usage: why there is none', () => {
  const reasons: [string, Buffer, string | undefined, string][] = [
    ['an empty body', Buffer.alloc(0), undefined, 'no_usage'],
    ['a silent body', json({ choices: [] }), undefined, 'no_usage'],
    ['an audio file', Buffer.from('fff3e4c40000', 'hex'), undefined, 'no_usage'],
    ['a page', Buffer.from('<html>'), undefined, 'no_usage'],
    ['JSON that ends early', Buffer.from('{"choices":[{"message":'), undefined, 'unreadable'],
    ['JSON that is none', Buffer.from('{"choices":[nothing]}'), undefined, 'unreadable'],
    ['damaged gzip', Buffer.from('1f8b0800000000000003ffffffffff', 'hex'), 'gzip', 'unreadable'],
    ['something else under gzip', Buffer.from('00ff00ff00ff', 'hex'), 'gzip', 'unreadable'],
    ['a damaged frame', damaged(), undefined, 'unreadable'],
  ]
  for (const [name, bytes, contentEncoding, reason] of reasons) {
    it(`${name}: ${reason}`, () => {
      const hints = contentEncoding === undefined ? {} : { contentEncoding }
      expect(inspectUsage(bytes, hints)).to.deep.equal({ reason })
    })
  }

  it('a frame whose checksum is wrong does not count, the next one does', () => {
    const good = eventStream([['metadata', { usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 } }]])
    expectUsage(readUsage(Buffer.concat([damaged(), good])), [1, 1, 2], 'the next one')
  })
})

function damaged(): Buffer {
  const bytes = eventStream([['metadata', { usage: { inputTokens: 8, outputTokens: 9, totalTokens: 17 } }]])
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 10) ^ 1, bytes.length - 10)
  return bytes
}
