import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { expect } from 'chai'
import { request } from 'undici'
import { tokensOf } from '../../plugins/virtual-key/metering/estimate/tokens.ts'
import { answerCost } from '../support/estimated.ts'
import { Scene } from '../support/scene.ts'
import { until } from '../support/until.ts'

const PROMPT = 'What is a token, and who counts them?'
const ANSWER = 'Tokens are the small pieces of text that a language model reads and writes.'
const TOTAL = tokensOf(PROMPT) + 3 + 3 + answerCost(ANSWER)
const REQUEST = JSON.stringify({ stream: true, messages: [{ role: 'user', content: PROMPT }] })

describe('estimate', function () {
  this.timeout(120_000)

  let scene: Scene

  before(async () => {
    scene = await Scene.start(() => ({}), {
      routes: (webhook) => {
        const config = {
          alert_threshold: 5,
          alert_webhook: webhook,
          webhook: { allow_private_networks: true },
        }
        return { tapped: { config: { ...config, body: 'tapped' }, tap: true }, buffered: { config } }
      },
    })
  })

  beforeEach(() => scene.reset())

  after(() => scene?.stop())

  const words = ANSWER.split(/(?= )/)
  const events = words.map(
    (word) => `data: ${JSON.stringify({ choices: [{ delta: { content: word } }] })}\n\n`,
  )

  async function ask(route: string, key: string, body = REQUEST): Promise<void> {
    const response = await request(`${scene.gateway.url}/${route}/v1/chat/completions`, {
      method: 'POST',
      headers: { apikey: `${key}-secret`, 'content-type': 'application/json' },
      body,
    })
    expect(response.statusCode).to.equal(200)
    await response.body.dump()
  }

  for (const route of ['tapped', 'buffered']) {
    it(`${route}: an answer without usage is estimated, and the alert says so`, async () => {
      const key = scene.newKey()
      scene.upstream.answer = (response) =>
        response.writeHead(200, { 'content-type': 'text/event-stream' }).end(events.join(''))
      await ask(route, key)
      await until('the count', async () => (await scene.total(key)) > 0)
      expect(await scene.total(key)).to.equal(TOTAL)
      const alert = await until('the alert', () =>
        scene.receiver.received.find(({ body }) => body.includes(`"${key}"`)),
      )
      expect(alert.headers['x-virtual-key-estimated']).to.equal('true')
    })

    it(`${route}: what is reported stands, a 0 too, and its alert is not marked`, async () => {
      const key = scene.newKey()
      scene.upstream.answer = (response) => scene.upstream.complete(response, 0)
      await ask(route, key)
      scene.upstream.answer = (response) => scene.upstream.complete(response, 7)
      await ask(route, key)
      const alert = await until('the alert', () =>
        scene.receiver.received.find(({ body }) => body.includes(`"${key}"`)),
      )
      expect(await scene.total(key)).to.equal(7)
      expect(alert.headers).not.to.have.property('x-virtual-key-estimated')
    })

    it(`${route}: an answer that shows no model's words counts nothing`, async () => {
      const key = scene.newKey()
      scene.upstream.answer = (response) =>
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"file-1","object":"file"}')
      await ask(route, key)
      scene.upstream.answer = (response) => scene.upstream.complete(response, 7)
      await ask(route, key)
      await until('the next', async () => (await scene.total(key)) === 7)
    })
  }

  for (const route of ['tapped', 'buffered']) {
    it(`${route}: a request whose body has no declared length pays for its prompt`, async () => {
      const key = scene.newKey()
      scene.upstream.answer = (response) =>
        response.writeHead(200, { 'content-type': 'text/event-stream' }).end(events.join(''))
      const text = JSON.stringify({ messages: [{ role: 'user', content: `${PROMPT} `.repeat(1000) }] })
      const call = httpRequest(`${scene.gateway.url}/${route}/v1/chat/completions`, {
        method: 'POST',
        headers: { apikey: `${key}-secret`, 'transfer-encoding': 'chunked' },
      })
      for (let at = 0; at < text.length; at += 1000) call.write(text.slice(at, at + 1000))
      call.end()
      const [response] = (await once(call, 'response')) as [IncomingMessage]
      response.resume()
      await until('the count', async () => (await scene.total(key)) > 0)
      expect(await scene.total(key)).to.equal(tokensOf(`${PROMPT} `.repeat(1000)) + 6 + answerCost(ANSWER))
    })
  }

  it('tapped: a client that hangs up while tokens are only counted has spent nothing', async () => {
    const key = scene.newKey()
    scene.upstream.answer = () => undefined
    const call = httpRequest(`${scene.gateway.url}/tapped/v1/messages/count_tokens`, {
      method: 'POST',
      headers: { apikey: `${key}-secret`, 'content-type': 'application/json' },
    })
    call.on('error', () => undefined)
    call.end(REQUEST)
    await until('the request at the upstream', () => scene.upstream.requests.length > 0)
    call.destroy()
    scene.upstream.answer = (response) => scene.upstream.complete(response, 7)
    await ask('tapped', key)
    await until('the next', async () => (await scene.total(key)) === 7)
  })

  it('a client that hangs up pays for its prompt and for what it got', async () => {
    const key = scene.newKey()
    scene.upstream.answer = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(events.slice(0, 8).join(''))
    }
    const call = httpRequest(`${scene.gateway.url}/tapped/v1/chat/completions`, {
      method: 'POST',
      headers: { apikey: `${key}-secret`, 'content-type': 'application/json' },
    })
    call.on('error', () => undefined)
    call.end(REQUEST)
    const [response] = (await once(call, 'response')) as [IncomingMessage]
    response.on('error', () => undefined)
    await once(response, 'data')
    call.destroy()
    await until('the count', async () => (await scene.total(key)) > 0)
    expect(await scene.total(key)).to.equal(tokensOf(PROMPT) + 6 + answerCost(words.slice(0, 8).join('')))
  })

  it('a client that hangs up before the answer pays for its prompt', async () => {
    const key = scene.newKey()
    scene.upstream.answer = () => undefined
    const call = httpRequest(`${scene.gateway.url}/tapped/v1/chat/completions`, {
      method: 'POST',
      headers: { apikey: `${key}-secret`, 'content-type': 'application/json' },
    })
    call.on('error', () => undefined)
    call.end(REQUEST)
    await until('the request at the upstream', () => scene.upstream.requests.length > 0)
    call.destroy()
    await until('the count', async () => (await scene.total(key)) > 0)
    expect(await scene.total(key)).to.equal(tokensOf(PROMPT) + 6)
  })
})
