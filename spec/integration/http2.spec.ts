import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import { expect } from 'chai'
import { reservedName } from '../../plugins/virtual-key/redis/names.ts'
import { STREAMED } from '../fixtures/tapped.ts'
import { Scene } from '../support/scene.ts'
import { until } from '../support/until.ts'
import { completion } from '../support/upstream.ts'

describe('Clients that speak HTTP/2', function () {
  this.timeout(120_000)

  let scene: Scene
  let session: ClientHttp2Session

  before(async function () {
    // The stand-in has neither TLS nor HTTP/2; GATEWAY=kong runs these.
    if (process.env.GATEWAY !== 'kong') return this.skip()
    scene = await Scene.start(() => ({}), {
      routes: () => ({
        tapped: { config: { body: 'tapped', ask_for_usage: true }, tap: true },
        buffered: { config: { ask_for_usage: true } },
        streamed: { config: { body: 'tapped', token_budget: 1000, reserve: true }, tap: true },
        reserved: { config: { token_budget: 1000, reserve: true } },
      }),
    })
    session = connect(scene.gateway.http2Url ?? '', { rejectUnauthorized: false })
    await once(session, 'connect')
  })

  beforeEach(() => scene.reset())

  after(async () => {
    session?.close()
    await scene?.stop()
  })

  function open(route: string, key: string, method = 'POST'): ClientHttp2Stream {
    return session.request({
      ':method': method,
      ':path': `/${route}/v1/chat/completions`,
      apikey: `${key}-secret`,
      'content-type': 'application/json',
    })
  }

  async function ask(route: string, key: string, body?: string, method = 'POST'): Promise<[number, string]> {
    const stream = open(route, key, method)
    stream.end(body)
    const [headers] = await once(stream, 'response')
    const chunks: Buffer[] = []
    for await (const chunk of stream) chunks.push(chunk as Buffer)
    return [Number(headers[':status']), Buffer.concat(chunks).toString()]
  }

  for (const route of ['tapped', 'buffered']) {
    it(`${route}: an answer is counted, and its bytes are the same`, async () => {
      const key = scene.newKey()
      expect(await ask(route, key, '{}')).to.deep.equal([200, completion(10)])
      await until('the count', async () => (await scene.total(key)) === 10)
    })

    it(`${route}: a request of no declared length is made to ask for usage`, async () => {
      await ask(route, scene.newKey(), '{"stream":true}')
      expect(scene.upstream.requests.at(-1)?.body).to.equal(
        '{"stream_options":{"include_usage":true},"stream":true}',
      )
    })

    it(`${route}: a request of no declared length that is too long to be looked at is refused`, async () => {
      const key = scene.newKey()
      const body = `${' '.repeat(9_000_000)}{"stream":true}`
      expect(await ask(route, key, body)).to.deep.equal([413, '{"error":"request body too large"}'])
      expect(scene.upstream.requests).to.have.length(0)
    })

    it(`${route}: HEAD, 204, 304 and an upstream that resets are no error of ours and count nothing`, async () => {
      const key = scene.newKey()
      for (const [status, method] of [
        [200, 'HEAD'],
        [204, 'POST'],
        [304, 'GET'],
      ] as const) {
        scene.upstream.answer = (response) => response.writeHead(status).end()
        expect(await ask(route, key, method === 'POST' ? '{}' : undefined, method)).to.deep.equal([
          status,
          '',
        ])
      }
      scene.upstream.answer = (response) => response.socket?.destroy()
      expect((await ask(route, key, '{}'))[0]).to.equal(502)
      scene.reset()
      await ask(route, key, '{}')
      await until('the count', async () => (await scene.total(key)) === 10)
    })
  }

  for (const route of ['streamed', 'reserved']) {
    it(`${route}: a request of no declared length holds what it declares, and one without a body nothing`, async () => {
      const key = scene.newKey()
      const seen: number[] = []
      scene.upstream.answer = async (response) => {
        seen.push(Number(await scene.client.get(reservedName(key))))
        scene.upstream.complete(response, 10)
      }
      expect((await ask(route, key, '{"max_tokens":900}'))[0]).to.equal(200)
      await until('the count', async () => (await scene.total(key)) === 10)
      expect((await ask(route, key, undefined, 'GET'))[0]).to.equal(200)
      expect(seen).to.deep.equal([900, 0])
    })
  }

  it('a stream passes piece by piece', async () => {
    const key = scene.newKey()
    const { type, pieces, total } = STREAMED['anthropic-messages'] ?? { type: '', pieces: [], total: 0 }
    let go: (() => void) | undefined
    scene.upstream.answer = async (response) => {
      response.writeHead(200, { 'content-type': type })
      for (const piece of pieces) {
        const seen = new Promise<void>((resolve) => {
          go = resolve
        })
        response.write(piece)
        await seen
      }
      response.end()
    }
    const stream = open('tapped', key)
    stream.end('{}')
    let body = ''
    let due = 0
    let next = 0
    for await (const chunk of stream) {
      body += String(chunk)
      while (next < pieces.length && body.length >= due + String(pieces[next]).length) {
        due += String(pieces[next++]).length
        go?.()
      }
    }
    expect(body).to.equal(pieces.join(''))
    await until('the count', async () => (await scene.total(key)) === total)
  })

  it('a stream that the client cancels is counted as far as it went', async () => {
    const key = scene.newKey()
    scene.upstream.answer = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: {"choices":[],"usage":{"total_tokens":12}}\n\n')
    }
    const stream = open('tapped', key)
    stream.end('{}')
    await once(stream, 'data')
    stream.close(constants.NGHTTP2_CANCEL)
    await until('the count', async () => (await scene.total(key)) === 12)
  })
})
