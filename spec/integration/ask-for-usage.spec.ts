import { expect } from 'chai'
import { request } from 'undici'
import { Scene } from '../support/scene.ts'
import { until } from '../support/until.ts'

const ASKED = '"stream_options":{"include_usage":true},'

describe('ask_for_usage', function () {
  this.timeout(120_000)

  let scene: Scene

  before(async () => {
    scene = await Scene.start(() => ({}), {
      routes: () => ({
        tapped: { config: { body: 'tapped', ask_for_usage: true }, tap: true },
        buffered: { config: { ask_for_usage: true } },
        silent: { config: {} },
      }),
    })
  })

  beforeEach(() => {
    scene.reset()
    // As OpenAI's API does it: usage is reported to those who ask.
    scene.upstream.answer = (response, _, body) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: {"choices":[{"delta":{"content":"Hello"}}]}\n\n')
      if (/"include_usage": ?true/.test(body.toString()))
        response.write('data: {"choices":[],"usage":{"total_tokens":8}}\n\n')
      response.end('data: [DONE]\n\n')
    }
  })

  after(() => scene?.stop())

  /** What the upstream got for a request. */
  async function sent(path: string, body: string | AsyncIterable<string>, key: string): Promise<Sent> {
    const response = await request(`${scene.gateway.url}${path}`, {
      method: 'POST',
      headers: { apikey: `${key}-secret`, 'content-type': 'application/json' },
      body: body as string,
    })
    expect(response.statusCode).to.equal(200)
    await response.body.dump()
    const got = scene.upstream.requests.at(-1)
    return { body: got?.body ?? '', length: Number(got?.headers['content-length']) }
  }

  for (const route of ['tapped', 'buffered']) {
    it(`${route}: a streamed request that does not ask is made to, and counts`, async () => {
      const key = scene.newKey()
      const { body, length } = await sent(
        `/${route}/v1/chat/completions`,
        '{"stream":true, "messages":[]}',
        key,
      )
      expect(body).to.equal(`{${ASKED}"stream":true, "messages":[]}`)
      expect(length).to.equal(body.length)
      await until('the count', async () => (await scene.total(key)) === 8)
    })

    it(`${route}: the client's false is overridden, also in a body of no declared length`, async () => {
      const pieces = ['{"stream":true,"stream_options":', '{"include_usage": false}}']
      const key = scene.newKey()
      const { body, length } = await sent(
        `/${route}/v1/completions`,
        (async function* () {
          yield* pieces
        })(),
        key,
      )
      expect(body).to.equal('{"stream":true,"stream_options":{"include_usage": true}}')
      expect(length).to.equal(body.length)
      await until('the count', async () => (await scene.total(key)) === 8)
    })
  }

  for (const [route, size] of [
    ['tapped', 300_000],
    ['tapped', 8_300_000],
    ['buffered', 200_000],
  ] as const) {
    it(`${route}: a body of ${size} bytes`, async () => {
      const content = 'é'.repeat(size / 2)
      const { body, length } = await sent(
        `/${route}/v1/chat/completions`,
        `{"messages":[{"content":"${content}"}],"stream":true}`,
        scene.newKey(),
      )
      expect(body === `{${ASKED}"messages":[{"content":"${content}"}],"stream":true}`).to.equal(true)
      expect(length).to.equal(Buffer.byteLength(body))
    })
  }

  it('nothing else is touched', async () => {
    const bodies = ['{"stream":false}', '{"stream":true,"stream_options":{"include_usage":true}}', '']
    for (const path of ['/tapped/v1/chat/completions', '/buffered/v1/chat/completions']) {
      for (const body of bodies) expect((await sent(path, body, 'vk-39')).body).to.equal(body)
    }
    const streamed = '{"stream":true,"messages":[]}'
    for (const path of ['/tapped/v1/messages', '/buffered/v1/messages', '/silent/v1/chat/completions'])
      expect((await sent(path, streamed, 'vk-39')).body).to.equal(streamed)
  })
})

interface Sent {
  readonly body: string
  /** Content-Length. */
  readonly length: number
}
