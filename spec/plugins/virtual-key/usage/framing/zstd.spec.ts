import { expect } from 'chai'
import { isDecodable } from '../../../../../plugins/virtual-key/usage/framing/encoding.ts'
import { unzstd } from '../../../../../plugins/virtual-key/usage/framing/zstd.ts'
import { readUsage } from '../../../../../plugins/virtual-key/usage/read-usage.ts'
import { expectUsage } from '../expected.ts'

/** `{"usage":{"prompt_tokens":1,"total_tokens":1}}` as the reference encoder writes it. */
const small = Buffer.from(
  'KLUv/QRYcQEAeyJ1c2FnZSI6eyJwcm9tcHRfdG9rZW5zIjoxLCJ0b3RhbF90b2tlbnMiOjF9fSnp+bI=',
  'base64',
)

/** A frame without a content size, window 1 MB, of the given blocks (RFC 8878, 3.1.1). */
function frame(...blocks: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from('28b52ffd0050', 'hex'), ...blocks])
}

function raw(text: string, last = false): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([header(bytes.length, 0, last), bytes])
}

/** `count` times a space. */
function blank(count: number, last = false): Buffer {
  return Buffer.concat([header(count, 1, last), Buffer.from(' ')])
}

function header(size: number, kind: number, last: boolean): Buffer {
  const bytes = Buffer.alloc(3)
  bytes.writeUIntLE((size << 3) | (kind << 1) | Number(last), 0, 3)
  return bytes
}

const skippable = Buffer.from('502a4d1803000000616263', 'hex')
const blanks = (count: number) => Array.from({ length: count }, () => blank(128 * 1024))

describe('usage: zstd', () => {
  it('can be decoded on every runtime', () => {
    expect(isDecodable('zstd')).to.equal(true)
    for (const hints of [{}, { contentEncoding: 'zstd' }]) {
      expectUsage(readUsage(small, hints), [1, undefined, 1], 'whole')
    }
  })

  it('several frames, and skippable ones between', () => {
    const frames = [frame(raw('ab'), raw('c', true)), skippable, frame(raw('', true)), frame(raw('de', true))]
    expect(decoded(Buffer.concat(frames))).to.equal('abcde')
  })

  it('a body cut short gives its whole blocks', () => {
    const body = frame(raw('ab'), raw('cd'), raw('ef', true))
    const lengths = Array.from(body, (_, at) => at).slice(6)
    for (const at of lengths) {
      expect(decoded(body.subarray(0, at))).to.equal('abcdef'.slice(0, 2 * Math.floor((at - 6) / 5)))
    }
  })

  it('decodes up to the limit and refuses what is larger', () => {
    expect(unzstd(frame(...blanks(39), blank(5, true)), 40 * 128 * 1024).length).to.equal(39 * 128 * 1024 + 5)
    expect(() => unzstd(frame(...blanks(41)), 40 * 128 * 1024)).to.throw('zstd')
    expect(() =>
      unzstd(Buffer.concat(Array.from({ length: 60_000 }, () => frame(raw('', true)))), 99),
    ).to.throw('more than 100000 frames and blocks')
  })

  it('refuses what is no zstd', () => {
    const damaged = [Buffer.from('28b52f', 'hex'), Buffer.from('abcdefgh'), frame(header(9, 3, true))]
    for (const bytes of damaged) expect(() => unzstd(bytes, 99)).to.throw('zstd')
  })
})

function decoded(bytes: Buffer): string {
  return Buffer.from(unzstd(bytes, 1000)).toString()
}
