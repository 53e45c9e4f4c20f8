import { type ClientRequest, request as httpRequest } from 'node:http'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { request } from 'undici'
import { chat } from '../support/client.ts'
import { Scene } from '../support/scene.ts'
import { until } from '../support/until.ts'
import { completion } from '../support/upstream.ts'

describe('Nobody escapes the count', function () {
  this.timeout(120_000)

  let scene: Scene

  before(async () => {
    scene = await Scene.start(() => ({ alert_threshold: 100 }))
  })

  beforeEach(() => scene.reset())

  after(() => scene?.stop())

  it('a WebSocket upgrade, which would switch the response phase off, is refused', async () => {
    const key = scene.newKey()
    for (const upgrade of ['websocket', 'WebSocket']) {
      const { status, body } = await answerTo(raw(key, { connection: 'Upgrade', upgrade }, 'POST'), '{}')
      expect(status).to.equal(400)
      expect(JSON.parse(body)).to.deep.equal({ error: 'websocket upgrade not supported' })
    }
    expect(scene.upstream.requests).to.have.length(0)
  })

  it('a header by the name __proto__ does not make the access phase fail', async () => {
    const key = scene.newKey()
    const upgrade = { connection: 'Upgrade', upgrade: 'websocket', ['__proto__']: 'x' }
    expect((await answerTo(raw(key, upgrade, 'POST'), '{}')).status).to.equal(400)
    expect(scene.upstream.requests).to.have.length(0)
    await answerTo(raw(key, { ['__proto__']: 'x' }, 'POST'), '{}')
    expect(await scene.total(key)).to.equal(10)
  })

  it('a header behind many others is seen as well, and more than Kong can show are refused', async () => {
    const key = scene.newKey()
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, '1']))
    await answerTo(raw(key, { ...many(200), 'accept-encoding': 'x-unheard-of' }, 'POST'), '{}')
    expect(scene.upstream.requests.at(-1)?.headers['accept-encoding']).to.equal('identity')
    expect(await scene.total(key)).to.equal(10)
    const { status } = await answerTo(
      raw(key, { ...many(1000), 'accept-encoding': 'x-unheard-of' }, 'POST'),
      '{}',
    )
    // More than 1,000 are refused by nginx itself since Kong 3.9.3.
    expect(status).to.be.oneOf([400, 431])
    expect(scene.upstream.requests).to.have.length(1)
  })

  it('an upgrade that Kong ignores is counted as any other request', async () => {
    const key = scene.newKey()
    const { status } = await answerTo(raw(key, { connection: 'Upgrade', upgrade: 'h2c' }, 'POST'), '{}')
    expect(status).to.equal(200)
    expect(await scene.total(key)).to.equal(10)
  })

  it('an encoding that the reader cannot decode never reaches the upstream', async () => {
    const key = scene.newKey()
    await chat(scene.gateway, key, { headers: { 'accept-encoding': 'dcz, gzip;q=0.5, constructor, *' } })
    expect(scene.upstream.requests.at(-1)?.headers['accept-encoding']).to.equal('gzip;q=0.5')
    await chat(scene.gateway, key, { headers: { 'accept-encoding': 'compress' } })
    expect(scene.upstream.requests.at(-1)?.headers['accept-encoding']).to.equal('identity')
    expect(await scene.total(key)).to.equal(20)
  })

  for (const [coding, encode] of Object.entries({ gzip: gzipSync, br: brotliCompressSync })) {
    it(`an answer in ${coding} is counted, and its bytes reach the client untouched`, async () => {
      const key = scene.newKey()
      const sent = encode(completion(31))
      scene.upstream.answer = (response) =>
        response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': coding }).end(sent)
      const { body } = await request(`${scene.gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { apikey: `${key}-secret`, 'accept-encoding': coding },
        body: '{}',
      })
      expect(Buffer.from(await body.arrayBuffer()).equals(sent)).to.equal(true)
      expect(await scene.total(key)).to.equal(31)
    })
  }

  it('a request whose body has no declared length is counted', async () => {
    const key = scene.newKey()
    await answerTo(raw(key, { 'transfer-encoding': 'chunked' }, 'POST'), '{}')
    expect(await scene.total(key)).to.equal(10)
  })

  it('a POST without a body is counted', async () => {
    const key = scene.newKey()
    await answerTo(raw(key, { 'content-length': '0' }, 'POST'))
    expect(await scene.total(key)).to.equal(10)
  })

  it('a GET repeats old usage and is not counted', async () => {
    const key = scene.newKey()
    const { status } = await answerTo(raw(key, {}, 'GET'))
    expect(status).to.equal(200)
    await chat(scene.gateway, key)
    expect(await scene.total(key)).to.equal(10)
  })

  it('a client that hangs up before the answer is counted', async () => {
    const key = scene.newKey()
    let answer: (() => void) | undefined
    scene.upstream.answer = (response) => {
      answer = () => scene.upstream.complete(response, 44)
    }
    const call = raw(key, {}, 'POST')
    call.on('error', () => undefined)
    call.end('{}')
    await until('the request at the upstream', () => answer)
    call.destroy()
    answer?.()
    await until('the count', async () => (await scene.total(key)) === 44)
  })

  function raw(key: string, headers: Record<string, string>, method: string): ClientRequest {
    return httpRequest(`${scene.gateway.url}/v1/chat/completions`, {
      method,
      headers: { apikey: `${key}-secret`, ...headers },
    })
  }
})

function answerTo(call: ClientRequest, body?: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    call.on('error', reject)
    call.on('response', async (response) => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk as Buffer)
      resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') })
    })
    call.end(body)
  })
}
