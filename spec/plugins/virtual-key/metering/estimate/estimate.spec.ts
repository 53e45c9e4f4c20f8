import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import {
  boundedSample,
  LOOKED_AT,
  type Sample,
} from '../../../../../plugins/virtual-key/metering/estimate/bounded-sample.ts'
import { type Estimate, estimateOf } from '../../../../../plugins/virtual-key/metering/estimate/estimate.ts'
import { readSample } from '../../../../../plugins/virtual-key/metering/estimate/read-sample.ts'
import { tokensOf } from '../../../../../plugins/virtual-key/metering/estimate/tokens.ts'
import { STREAMED } from '../../../../fixtures/tapped.ts'
import { answerCost } from '../../../../support/estimated.ts'

const NOTHING = Buffer.alloc(0)

function estimate(sample: Partial<Sample>): Estimate {
  const whole = { request: NOTHING, head: NOTHING, seen: sample.head?.length ?? 0, ...sample }
  return estimateOf(readSample(boundedSample(whole)), tokensOf)
}

describe('estimate', () => {
  const hello = tokensOf('Hello')
  const chat = (content: unknown) => JSON.stringify({ model: 'gpt-5', messages: [{ role: 'user', content }] })
  const asked = hello + 3 * 2

  for (const [name, { pieces }] of Object.entries(STREAMED)) {
    it(`finds the model's words in ${name}`, () => {
      const head = Buffer.concat(pieces.map((piece) => Buffer.from(piece)))
      expect(estimate({ head }).completion).to.equal(answerCost('Hello'))
    })
  }

  it('finds the words of a Bedrock agent, and none in a picture', () => {
    const wrapped = (bytes: Buffer) => Buffer.from(JSON.stringify({ bytes: bytes.toString('base64') }))
    expect(estimate({ head: wrapped(Buffer.from('Hello')) }).completion).to.equal(answerCost('Hello'))
    expect(estimate({ head: wrapped(Buffer.from([0x89, 0xff, 0xfe, 1, 2])) }).completion).to.equal(0)
  })

  it('counts the arguments of a call of a tool, and what stands around them, once for each call', () => {
    const cost = (body: unknown) => estimate({ head: Buffer.from(JSON.stringify(body)) }).completion
    const input = { city: 'Paris', text: 'Hello' }
    const call = (name: string, input: string) => ({ tool_calls: [{ function: { name, arguments: input } }] })
    const answers: Record<string, unknown> = {
      openai: { choices: [{ message: { content: null, ...call('weather', JSON.stringify(input)) } }] },
      anthropic: { content: [{ type: 'tool_use', id: 't', name: 'weather', input }] },
      gemini: { candidates: [{ content: { parts: [{ functionCall: { name: 'weather', args: input } }] } }] },
      converse: { output: { message: { content: [{ toolUse: { toolUseId: 't', input } }] } } },
    }
    const written = tokensOf(JSON.stringify(input)) * 1.25
    for (const [api, body] of Object.entries(answers))
      expect(cost(body), api).to.be.within(20 + 10 + 0.8 * written, 20 + 10 + 1.2 * written)
    const pieces = [call('weather', ''), call('', '{"city":'), call('', '"Paris"}')]
    const stream = pieces.map((delta) => `data: ${JSON.stringify({ choices: [{ delta }] })}\n\n`).join('')
    expect(estimate({ head: Buffer.from(stream) }).completion).to.be.within(30, 50)
  })

  it('counts thoughts that are not shown: by what seals them, or by the model that thinks unseen', () => {
    const answer = (own: object) => ({ head: Buffer.from(JSON.stringify({ content: 'Hello', ...own })) })
    const plain = answerCost('Hello')
    expect(estimate(answer({ signature: 'A'.repeat(400) })).completion).to.equal(plain + 40)
    const thinking = ['o3', 'o4-mini-2025-04-16', 'gpt-5', 'openai/gpt-5.2-codex', 'gpt-6-mini', 'gpt-10']
    for (const model of thinking) expect(estimate(answer({ model })).completion, model).to.equal(plain + 256)
    const others = [
      'gpt-4o',
      'gpt-5-chat-latest',
      'gpt-5.2-chat',
      'claude-opus-4-8',
      'olmo-3',
      'gpt-oss-120b',
    ]
    for (const model of others) expect(estimate(answer({ model })).completion, model).to.equal(plain)
    // The client has hung up while it thought.
    const request = Buffer.from(chat('Hello'))
    expect(estimate({ request })).to.deep.include({ prompt: asked, completion: 256 })
    // Fetched later, it tells.
    expect(estimate({ request, later: true }).completion).to.equal(0)
  })

  it('counts what a model reads of a request, a picture as about what one costs, and no settings', () => {
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
    expect(estimate({ request }).prompt).to.equal(tokensOf('Hello\nHello') + 3 * 2 + 3 + 1000)
  })

  it('counts tools as they stand, token ids as tokens, and text that pretends to be a picture as text', () => {
    const tools = [
      { type: 'function', function: { name: 'weather', parameters: { properties: { city: {} } } } },
    ]
    const plain = estimate({ request: Buffer.from('{"prompt":"Hello"}') }).prompt ?? 0
    const tooled = estimate({ request: Buffer.from(JSON.stringify({ prompt: 'Hello', tools })) }).prompt ?? 0
    expect(tooled).to.be.at.least(plain + 10)
    expect(estimate({ request: Buffer.from('{"prompt":[1,2,3,4]}') }).prompt).to.equal(4)
    const url = `data:text/plain;base64,${'QUJD'.repeat(100)}`
    expect(estimate({ request: Buffer.from(chat(url)) }).prompt).to.equal(tokensOf(url) + 6)
  })

  it('counts an answer in no writing of an API where its request prompts a model, and nowhere else', () => {
    const request = Buffer.from('{"input":"Hello"}')
    const sound = { head: NOTHING, seen: 25_600, type: 'audio/mpeg' }
    expect(estimate({ request, ...sound })).to.deep.include({ completion: 100, answered: true })
    expect(estimate(sound)).to.deep.include({ completion: 0, answered: false })
    const words = { head: Buffer.from('Hello'), type: 'text/plain' }
    expect(estimate({ request, ...words })).to.deep.include({
      completion: answerCost('Hello'),
      answered: true,
    })
    expect(estimate({ request, head: Buffer.from('\nHello') }).answered).to.equal(true)
    const file = { head: Buffer.from('{"id":"file-1"}'), type: 'application/json' }
    const page = { head: Buffer.from('<html>Hello</html>'), type: 'text/html' }
    const upload = Buffer.from('--x\r\n\r\nHello\r\n--x--')
    expect(estimate({ request, ...file }).answered).to.equal(false)
    expect(estimate({ request, ...page }).answered).to.equal(false)
    expect(estimate({ request: upload, requestType: 'multipart/form-data', ...sound }).answered).to.equal(
      false,
    )
  })

  it('takes what comes after the part that is looked at for text, but behind a picture', () => {
    const rest = 4 * LOOKED_AT
    const behind = (start: string) =>
      estimate({ request: Buffer.from(start.padEnd(LOOKED_AT + rest)) }).prompt
    expect(behind('{')).to.equal(Math.ceil(rest / 6))
    expect(behind('{"prompt":"Hello"')).to.equal(Math.ceil(hello + rest / 6))
    const picture = `{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,QUJD"}}]`
    expect(behind(picture)).to.equal(1000 * 5)
  })

  describe('a client cannot hide its prompt by', () => {
    const text = chat('Hello')
    const utf16be = Buffer.from(text, 'utf16le').swap16()
    const utf32 = Buffer.concat([...text].map((one) => Buffer.from([one.charCodeAt(0), 0, 0, 0])))
    const hidden: Record<string, Uint8Array> = {
      'UTF-16': Buffer.from(text, 'utf16le'),
      'UTF-16 with a mark': Buffer.from(`\uFEFF${text}`, 'utf16le'),
      'UTF-16 the other way round': utf16be,
      'UTF-32': utf32,
      gzip: gzipSync(text),
      'names in another case': Buffer.from(
        text.replace('messages', 'MeſſageS').replace('content', 'CONTENT'),
      ),
      'escapes in names': Buffer.from(text.replace('content', '\\u0063ontent')),
      'blanks before it': Buffer.from(`${' '.repeat(1000)}${text}`),
      'a broken end': Buffer.from(text.slice(0, -3)),
      'a second member of the name': Buffer.from(text.replace('"content":', '"content":"","content":')),
    }
    for (const [way, request] of Object.entries(hidden)) {
      it(way, () => expect(estimate({ request }).prompt).to.be.within(asked, 2 * asked))
    }

    it('a coding that cannot be read, or a length beyond all reading: by its bytes', () => {
      const request = Buffer.from([1, 2, 3, 200, 201, 5, 6, 7])
      expect(estimate({ request, requestEncoding: 'dcz' }).prompt).to.equal(4)
      expect(estimate({ sent: 20_000_000 }).prompt).to.equal(10_000_000)
      expect(estimate({ sent: 20_000_000, requestType: 'multipart/form-data; boundary=x' }).prompt).to.equal(
        undefined,
      )
    })
  })

  it('a request that prompts nobody, and an upload, have no prompt', () => {
    const form = '--x\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF'
    const audio = Buffer.from(Array.from({ length: 1000 }, (_, i) => (i * 7919) & 0xff))
    for (const request of ['', '[]', 'null', '{', '{"purpose":"batch"}', '['.repeat(100_000), form, audio])
      expect(estimate({ request: Buffer.from(request), requestType: 'audio/wav' })).to.deep.equal({
        completion: 0,
        answered: false,
      })
  })

  it('an answer that cannot be read counts by its bytes, and a picture or a sound nothing', () => {
    const head = Buffer.from(Array.from({ length: 1000 }, (_, i) => (i * 7919) & 0xff))
    expect(estimate({ head, type: 'application/x-protobuf' })).to.deep.equal({
      completion: 500,
      answered: true,
    })
    expect(estimate({ head, type: 'application/json', encoding: 'dcz' }).completion).to.equal(500)
    for (const type of ['audio/mpeg', 'image/png', 'application/octet-stream'])
      expect(estimate({ head, type })).to.deep.equal({ completion: 0, answered: false })
  })

  it('an answer without a word is told from one that is no model’s', () => {
    const answered = (body: unknown) => estimate({ head: Buffer.from(JSON.stringify(body)) }).answered
    expect(answered({ choices: [{ message: { content: '' } }] })).to.equal(true)
    expect(answered([{ embedding: [1, 2] }])).to.equal(true)
    expect(answered({ id: 'file-1', object: 'file', purpose: 'batch' })).to.equal(false)
    expect(answered({ input_tokens: 17 })).to.equal(false)
    expect(answered({ results: [{ flagged: false, categories: {} }] })).to.equal(false)
  })

  it('reads through a content coding, and goes on by proportion where the middle is missing', () => {
    const text = JSON.stringify({ message: { content: 'Hello '.repeat(100) } })
    const whole = estimate({ head: Buffer.from(text) })
    const packed = gzipSync(text)
    expect(estimate({ head: packed, encoding: 'gzip' })).to.deep.equal(whole)
    const [head, tail] = [Buffer.from(text.slice(0, 100)), Buffer.from(text.slice(-100))]
    const { completion } = estimate({ head, tail, seen: 2000 })
    expect(completion).to.be.within(1, 1.25 * 20 * 100)
  })

  it('a long request or answer is looked at in part, and counted in proportion', () => {
    const words = 'The quick brown fox jumps over the lazy dog. '
    const text = words.repeat(Math.ceil((4 * LOOKED_AT) / words.length))
    const tokens = (tokensOf(words.repeat(100)) / 100) * (text.length / words.length)
    const request = Buffer.from(chat(text))
    const head = Buffer.from(JSON.stringify({ choices: [{ message: { content: text } }] }))
    const { prompt, completion } = estimate({ request, head })
    expect(prompt).to.be.within(0.95 * tokens, 1.05 * tokens)
    expect(completion).to.be.within(0.95 * 1.25 * tokens, 1.05 * 1.25 * tokens)
    const start = request.subarray(0, LOOKED_AT)
    expect(estimate({ request: start, sent: request.length }).prompt).to.be.within(
      0.95 * tokens,
      1.05 * tokens,
    )
  })

  it('a word of a million letters takes no longer than a moment', () => {
    const started = process.cpuUsage()
    expect(tokensOf('a'.repeat(1_000_000))).to.be.within(50_000, 500_000)
    expect(process.cpuUsage(started).user / 1000).to.be.below(5000)
  })
})
