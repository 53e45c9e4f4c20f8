import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { estimate } from '../../../../plugins/virtual-key/estimate/estimate.ts'
import { Requests } from '../../../../plugins/virtual-key/estimate/requests.ts'
import { tokensOf } from '../../../../plugins/virtual-key/estimate/tokens.ts'
import { STREAMED } from '../../../fixtures/tapped.ts'

describe('estimate', () => {
  const hello = tokensOf('Hello')

  for (const [name, { pieces }] of Object.entries(STREAMED)) {
    it(`finds the model's words in ${name}`, () => {
      const head = Buffer.concat(pieces.map((piece) => Buffer.from(piece)))
      const { completion } = estimate({ request: Buffer.alloc(0), head, seen: head.length })
      expect(completion).to.equal(hello)
    })
  }

  it('counts what a model reads of a request, and nothing of files and settings', () => {
    const messages = [
      { role: 'system', content: 'Hello' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Hello' },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(10_000)}` } },
        ],
      },
    ]
    const request = Buffer.from(JSON.stringify({ model: 'gpt-5', user: 'somebody', messages }))
    const { prompt } = estimate({ request, head: Buffer.alloc(0), seen: 0 })
    expect(prompt).to.equal(tokensOf('Hello\nHello') + 3 * 2 + 3)
  })

  it('a request that is no JSON, or prompts nobody, has no prompt', () => {
    for (const request of ['', '[]', 'null', '{', '{"purpose":"batch"}', `${'['.repeat(100_000)}`])
      expect(estimate({ request: Buffer.from(request), head: Buffer.alloc(0), seen: 0 })).to.deep.equal({
        completion: 0,
      })
  })

  it('reads through a content coding, and goes on by proportion where the middle is missing', () => {
    const text = JSON.stringify({ message: { content: 'Hello '.repeat(100) } })
    const request = Buffer.alloc(0)
    const whole = estimate({ request, head: Buffer.from(text), seen: text.length })
    const packed = gzipSync(text)
    expect(estimate({ request, head: packed, seen: packed.length, encoding: 'gzip' })).to.deep.equal(whole)
    const [head, tail] = [Buffer.from(text.slice(0, 100)), Buffer.from(text.slice(-100))]
    const { completion } = estimate({ request, head, tail, seen: 2000 })
    expect(completion).to.be.within(1, 20 * 100)
  })

  it('a word of a million letters takes no longer than a moment', () => {
    const started = performance.now()
    expect(tokensOf('a'.repeat(1_000_000))).to.be.within(50_000, 500_000)
    expect(performance.now() - started).to.be.below(5000)
  })

  it('keeps requests until they are taken, the latest 32 MB of them', () => {
    const requests = new Requests()
    const first = requests.keep(Buffer.from('first'))
    expect(requests.take(first)?.length).to.equal(5)
    expect(requests.take(first)).to.equal(undefined)
    const names = Array.from({ length: 5 }, () => requests.keep(new Uint8Array(8_000_000)))
    expect(names.map((name) => requests.take(name) !== undefined)).to.deep.equal([
      false,
      true,
      true,
      true,
      true,
    ])
  })
})
