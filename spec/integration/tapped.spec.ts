import { once } from 'node:events'
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { STREAMED } from '../fixtures/tapped.ts'
import { chat } from '../support/client.ts'
import { Scene } from '../support/scene.ts'
import { until } from '../support/until.ts'
import { completion } from '../support/upstream.ts'

describe('Tapped: streams stay streams', function () {
  this.timeout(120_000)

  let scene: Scene

  before(async () => {
    scene = await Scene.start(() => ({ alert_threshold: 100, body: 'tapped' }), {
      tap: true,
      routes: () => ({
        silent: { config: { body: 'tapped', estimate: false }, tap: true },
        untapped: { config: { body: 'tapped' } },
        buffered: { config: { body: 'buffered' }, tap: true },
        header: { config: { body: 'tapped', identify_by: 'header' }, tap: true },
        labelled: { config: { body: 'tapped', identify_by: 'credential', require_key: true }, tap: true },
      }),
    })
  })

  beforeEach(() => scene.reset())

  after(() => scene?.stop())

  for (const [name, { type, pieces, total }] of Object.entries(STREAMED)) {
    it(`${name}: every piece passes as it comes, the bytes are the same, and the total is right`, async () => {
      const key = scene.newKey()
      const passed: Array<() => void> = []
      scene.upstream.answer = async (response) => {
        response.writeHead(200, { 'content-type': type })
        for (const piece of pieces) {
          const seen = new Promise<void>((resolve) => passed.push(resolve))
          response.write(piece)
          // The next piece is only sent when the client has this one: buffering anywhere would end in a time-out.
          await seen
        }
        response.end()
      }
      const response = await answerTo(post(key))
      expect(response.headers['content-type']).to.equal(type)
      const body = await inStep(response, pieces, passed)
      expect(body.equals(Buffer.concat(pieces.map((piece) => Buffer.from(piece))))).to.equal(true)
      await until('the count', async () => (await scene.total(key)) > 0)
      expect(await scene.total(key)).to.equal(total)
    })
  }

  it('an answer that is one JSON document is counted', async () => {
    const key = scene.newKey()
    expect((await chat(scene.gateway, key)).body).to.equal(completion(10))
    await counted(key, 10)
  })

  it('a long stream is counted by its end, in pieces of every size', async () => {
    const key = scene.newKey()
    const event = `data: {"choices":[{"delta":{"content":"${'x'.repeat(40)}"}}]}\n\n`
    const sizes = [1, 3, 1000, 4095, 4096, 20_000, 300_000]
    const stream = Buffer.from(
      `${event.repeat(20_000)}data: {"choices":[],"usage":{"total_tokens":321}}\n\ndata: [DONE]\n\n`,
    )
    scene.upstream.answer = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (let at = 0, i = 0; at < stream.length; i++) {
        const size = sizes[i % sizes.length] ?? 1
        response.write(stream.subarray(at, at + size))
        at += size
      }
      response.end()
    }
    const { body } = await chat(scene.gateway, key)
    expect(Buffer.from(body).equals(stream)).to.equal(true)
    await counted(key, 321)
  })

  it('20 MB before the usage are counted', async () => {
    const key = scene.newKey()
    const body = `{"choices":[{"message":{"content":"${'x'.repeat(20_000_000)}"}}],"usage":{"total_tokens":77}}`
    scene.upstream.answer = (response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(body)
    expect((await chat(scene.gateway, key)).body === body).to.equal(true)
    await counted(key, 77)
  })

  it('plain bytes are asked for, and an upstream that compresses all the same is counted', async () => {
    const key = scene.newKey()
    const sent = gzipSync(completion(31))
    scene.upstream.answer = (response) =>
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(sent)
    const response = await answerTo(post(key, { 'accept-encoding': 'gzip, br' }))
    expect((await whole(response)).equals(sent)).to.equal(true)
    expect(scene.upstream.requests.at(-1)?.headers['accept-encoding']).to.equal('identity')
    await counted(key, 31)
  })

  it('a client that hangs up is no error, and its upstream is let go', async () => {
    const key = scene.newKey()
    let closed = false
    scene.upstream.answer = (response) => {
      response.on('close', () => {
        closed = true
      })
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: {"choices":[],"usage":{"total_tokens":12}}\n\n')
    }
    const call = post(key)
    const response = await answerTo(call)
    await once(response, 'data')
    response.on('error', () => undefined)
    call.on('error', () => undefined)
    call.destroy()
    await until('the upstream let go', () => closed)
    await counted(key, 12)
  })

  it('an upstream that breaks off in the middle breaks off the client, and what it reported counts once', async () => {
    const key = scene.newKey()
    scene.upstream.answer = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: {"choices":[],"usage":{"total_tokens":13}}\n\n', () => response.destroy())
    }
    const response = await answerTo(post(key))
    const failure = await whole(response).catch((error: Error) => error)
    expect(failure).to.be.instanceOf(Error)
    await counted(key, 13)
    await settled()
    expect(await scene.total(key)).to.equal(13)
  })

  describe('nothing counts of', () => {
    const answers: Record<string, [status: number, method: string, body: string | undefined]> = {
      'an error': [500, 'POST', completion(50)],
      'a redirect': [302, 'POST', completion(50)],
      'a 204': [204, 'POST', undefined],
      'a 304': [304, 'GET', undefined],
      'a HEAD': [200, 'HEAD', undefined],
      'a GET': [200, 'GET', completion(50)],
    }
    for (const [what, [status, method, body]] of Object.entries(answers)) {
      it(what, async () => {
        const key = scene.newKey()
        scene.upstream.answer = (response) =>
          response.writeHead(status, { 'content-type': 'application/json' }).end(body)
        const call = httpRequest(`${scene.gateway.url}/v1/chat/completions`, {
          method,
          headers: { apikey: `${key}-secret` },
        })
        const response = await answerTo(call)
        expect(response.statusCode).to.equal(status)
        expect((await whole(response)).toString()).to.equal(body ?? '')
        await settled()
        expect(await scene.total(key)).to.equal(0)
      })
    }
  })

  it('an upgrade is refused, and one that Kong ignores is counted', async () => {
    const key = scene.newKey()
    const refused = await answerTo(post(key, { connection: 'Upgrade', upgrade: 'websocket' }))
    expect(refused.statusCode).to.equal(400)
    await whole(refused)
    const counts = await answerTo(post(key, { connection: 'Upgrade', upgrade: 'h2c' }))
    expect(counts.statusCode).to.equal(200)
    await whole(counts)
    await counted(key, 10)
  })

  it('without the tap on the route answers are buffered and counted, and the log says so', async () => {
    const key = scene.newKey()
    await whole(await answerTo(post(key, {}, '/untapped')))
    expect(await scene.total(key)).to.equal(10)
    await until('the line', () => /virtual-key: tap_missing: 1 response /.test(scene.gateway.log()))
  })

  it('a tap beside body: buffered does nothing', async () => {
    const key = scene.newKey()
    await whole(await answerTo(post(key, {}, '/buffered')))
    expect(await scene.total(key)).to.equal(10)
    await settled()
    expect(await scene.total(key)).to.equal(10)
  })

  it('a key named by a header, and a credential as key', async () => {
    const key = scene.newKey()
    await whole(await answerTo(post(key, { 'x-virtual-key': 'by header & =' }, '/header')))
    await counted('by header & =', 10)
    await whole(await answerTo(post(key, { 'x-credential-identifier': 'forged' }, '/labelled')))
    const [name] = await until('the total', async () => {
      const names = await scene.client.keys('vk:*:total:????????-????-????-????-????????????:total')
      return names.length > 0 && names
    })
    expect(await scene.client.get(name ?? '')).to.equal('10')
    expect(await scene.total('forged')).to.equal(0)
  })

  it('a stream without usage is visible in a line for its reason', async () => {
    const key = scene.newKey()
    scene.upstream.answer = (response) =>
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: {"choices":[]}\n\n')
    await whole(await answerTo(post(key, {}, '/silent')))
    await until('the line', () => /virtual-key: no_usage: \d+ response/.test(scene.gateway.log()))
  })

  async function counted(key: string, tokens: number): Promise<void> {
    await until(`${tokens} tokens`, async () => (await scene.total(key)) === tokens)
  }

  /** What was sent before this has been counted: a later request has. */
  async function settled(): Promise<void> {
    const { answer } = scene.upstream
    scene.upstream.answer = (response) => scene.upstream.complete(response, 5)
    const before = await scene.total('vk-39')
    await chat(scene.gateway, 'vk-39')
    await counted('vk-39', before + 5)
    scene.upstream.answer = answer
  }

  function post(key: string, headers: Record<string, string> = {}, path = '/v1'): ClientRequest {
    return httpRequest(`${scene.gateway.url}${path}/chat/completions`, {
      method: 'POST',
      headers: { apikey: `${key}-secret`, 'content-type': 'application/json', ...headers },
    })
  }
})

async function answerTo(call: ClientRequest): Promise<IncomingMessage> {
  call.end(call.method === 'POST' ? '{}' : undefined)
  const [response] = (await once(call, 'response')) as [IncomingMessage]
  return response
}

async function whole(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** Reads a body and lets the upstream go on whenever a whole piece has arrived. */
async function inStep(
  response: IncomingMessage,
  pieces: readonly (string | Buffer)[],
  passed: ReadonlyArray<() => void>,
): Promise<Buffer> {
  let body = Buffer.alloc(0)
  let due = 0
  let next = 0
  for await (const chunk of response) {
    body = Buffer.concat([body, chunk as Buffer])
    while (next < pieces.length && body.length >= due + Buffer.byteLength(pieces[next] ?? '')) {
      due += Buffer.byteLength(pieces[next] ?? '')
      passed[next++]?.()
    }
  }
  return body
}
