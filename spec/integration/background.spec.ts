import type { ServerResponse } from 'node:http'
import { expect } from 'chai'
import { request } from 'undici'
import { Scene } from '../support/scene.ts'
import { until } from '../support/until.ts'

const USAGE = { input_tokens: 300, output_tokens: 200, total_tokens: 500 }
const REQUEST = { model: 'gpt-5', background: true, input: 'What is a token, and who counts them?' }

interface Kept {
  readonly id: string
  readonly background: boolean
  readonly status: string
  readonly usage: typeof USAGE | null
}

describe('Answers that are fetched', function () {
  this.timeout(120_000)

  let scene: Scene

  before(async () => {
    scene = await Scene.start(() => ({}), {
      routes: () => ({
        buffered: { config: { alert_threshold: 100_000 } },
        tapped: { config: { alert_threshold: 100_000, body: 'tapped' }, tap: true },
      }),
    })
  })

  beforeEach(() => scene.reset())

  after(() => scene?.stop())

  for (const route of ['buffered', 'tapped']) {
    describe(route, () => {
      it('one made in the background counts its prompt at once, and when it is fetched the rest, once', async () => {
        const key = scene.newKey()
        answer({ id: 'resp_1', background: true, status: 'queued', usage: null })
        await call(key, 'POST', '', REQUEST)
        await until('the prompt', async () => (await scene.total(key)) > 0)
        const prompt = await scene.total(key)
        expect(prompt).to.be.within(8, 40)
        answer({ id: 'resp_1', background: true, status: 'in_progress', usage: null })
        await call(key, 'GET', '/resp_1')
        answer({ id: 'resp_1', background: true, status: 'completed', usage: USAGE })
        await call(key, 'GET', '/resp_1')
        await until('the whole', async () => (await scene.total(key)) === 500)
        await call(key, 'GET', '/resp_1')
        await call(key, 'GET', '/%72esp_1/')
        streamed({ id: 'resp_1', background: true, status: 'completed', usage: USAGE })
        await call(key, 'GET', '/resp_1?stream=true')
        await settled(key, 500)
      })

      it('whoever fetches it pays, each key once', async () => {
        const [key, other] = [scene.newKey(), scene.newKey()]
        answer({ id: 'resp_2', background: true, status: 'completed', usage: USAGE })
        for (const one of [key, key, other, other]) await call(one, 'GET', '/resp_2')
        await settled(key, 500)
        await settled(other, 500)
      })

      it('one that its own request streamed counts once', async () => {
        const key = scene.newKey()
        streamed({ id: 'resp_3', background: true, status: 'completed', usage: USAGE })
        await call(key, 'POST', '', { ...REQUEST, stream: true })
        await call(key, 'GET', '/resp_3')
        await settled(key, 500)
      })

      it('an ordinary one repeats what was counted when it was made', async () => {
        const key = scene.newKey()
        answer({ id: 'resp_4', background: false, status: 'completed', usage: USAGE })
        await call(key, 'POST', '', { ...REQUEST, background: false })
        await call(key, 'GET', '/resp_4')
        streamed({ id: 'resp_4', background: false, status: 'completed', usage: USAGE })
        await call(key, 'GET', '/resp_4?stream=true')
        await settled(key, 500)
      })
    })

    async function call(key: string, method: 'GET' | 'POST', path: string, body?: object): Promise<void> {
      const response = await request(`${scene.gateway.url}/${route}/v1/responses${path}`, {
        method,
        headers: { apikey: `${key}-secret`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      expect(response.statusCode).to.equal(200)
      await response.body.dump()
    }

    /** A later request has been counted, and what came before it no more than once. */
    async function settled(key: string, tokens: number): Promise<void> {
      answer({
        id: `resp_${Math.random()}`,
        background: false,
        status: 'completed',
        usage: { ...USAGE, total_tokens: 7 },
      })
      await call(key, 'POST', '', { input: 'x' })
      await until('the next', async () => (await scene.total(key)) >= tokens + 7)
      expect(await scene.total(key)).to.equal(tokens + 7)
    }
  }

  function answer(kept: Kept): void {
    scene.upstream.answer = (response: ServerResponse) =>
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ object: 'response', ...kept, output: [] }))
  }

  function streamed(kept: Kept): void {
    const event = (type: string, response: Kept) =>
      `event: ${type}\ndata: ${JSON.stringify({ type, response: { object: 'response', ...response } })}\n\n`
    scene.upstream.answer = (response: ServerResponse) =>
      response
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .end(
          event('response.created', { ...kept, status: 'in_progress', usage: null }) +
            event('response.completed', kept),
        )
  }
})
