import { expect } from 'chai'
import { chat } from '../support/client.ts'
import { declaration } from '../support/declaration.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'
import { Scene } from '../support/scene.ts'
import { until } from '../support/until.ts'
import { completion } from '../support/upstream.ts'

describe('Bad input', function () {
  this.timeout(120_000)

  let scene: Scene

  before(async () => {
    scene = await Scene.start(() => ({ alert_threshold: 100 }))
  })

  beforeEach(() => scene.reset())

  after(() => scene?.stop())

  const bodies: Record<string, [status: number, body: string | Buffer]> = {
    'is not JSON': [200, '<html>no JSON at all</html>'],
    'is empty': [200, ''],
    'is cut': [200, completion(50).slice(0, 40)],
    'says usage: null': [200, '{"id":"x","choices":[],"usage":null}'],
    'is 204 without a body': [204, ''],
    'is an error that quotes usage': [500, completion(50)],
    'is a redirect': [302, completion(50)],
    'is 20 MB of noise': [200, Buffer.alloc(20_000_000, '{"usage":[')],
  }
  for (const [what, [status, body]] of Object.entries(bodies)) {
    it(`an upstream body that ${what} is no error for the client and counts nothing`, async () => {
      const key = scene.newKey()
      scene.upstream.answer = (response) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(body)
      }
      const answer = await chat(scene.gateway, key)
      expect(answer.status).to.equal(status)
      expect(Buffer.from(answer.body).equals(Buffer.from(body))).to.equal(true)
      expect(await scene.total(key)).to.equal(0)
      scene.reset()
      await chat(scene.gateway, key)
      expect(await scene.total(key)).to.equal(10)
    })
  }

  it('20 MB before the usage are counted', async () => {
    const key = scene.newKey()
    const content = 'x'.repeat(20_000_000)
    scene.upstream.answer = (response) =>
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(`{"choices":[{"message":{"content":"${content}"}}],"usage":{"total_tokens":77}}`)
    const answer = await chat(scene.gateway, key)
    expect(answer.status).to.equal(200)
    expect(await scene.total(key)).to.equal(77)
  })

  it('an answer beyond 64 MiB is not read, but counts by its length', async () => {
    const key = scene.newKey()
    const piece = Buffer.alloc(1024 * 1024, 'x')
    scene.upstream.answer = (response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write('{"choices":[{"message":{"content":"')
      for (let i = 0; i < 65; i++) response.write(piece)
      response.end('"}}],"usage":{"total_tokens":77}}')
    }
    expect((await chat(scene.gateway, key)).status).to.equal(200)
    await until('the count', async () => (await scene.total(key)) >= 10_000_000)
  })

  it('an upstream that resets is a 502 and counts nothing', async () => {
    const key = scene.newKey()
    scene.upstream.answer = (response) => response.socket?.destroy()
    expect((await chat(scene.gateway, key)).status).to.equal(502)
    expect(await scene.total(key)).to.equal(0)
  })

  it('a hostile count is not added', async () => {
    const key = scene.newKey()
    for (const tokens of ['-5', '1e300', '"many"', '{}', 'null', '9007199254740993']) {
      scene.upstream.answer = (response) =>
        response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(`{"choices":[],"usage":{"total_tokens":${tokens}}}`)
      expect((await chat(scene.gateway, key)).status).to.equal(200)
    }
    // Such an answer reports nothing: each costs what its prompt, and what its model thinks unseen, is estimated at.
    expect(await scene.total(key)).to.be.below(6 * 300)
  })

  describe('a configuration that Kong cannot reject fails the route and says why', () => {
    const secret = 'whsec_this-is-no-base64!'
    const configurations: Record<string, [config: Record<string, unknown>, message: string]> = {
      'percent thresholds without a budget': [
        { alert_percents: [80, 90] },
        'config.alert_percents: [80, 90] needs a token_budget',
      ],
      'a signing secret that cannot be parsed': [
        { webhook: { secrets: [secret] } },
        'config.webhook.secrets[0]: a secret of 24 characters is not base64 after "whsec_"',
      ],
    }
    for (const [what, [config, message]] of Object.entries(configurations)) {
      it(what, async () => {
        let gateway: RunningGateway | undefined
        try {
          gateway = await startGateway(
            declaration({ redisPort: scene.redis.port, upstreamPort: scene.upstream.port, config }),
          )
          expect((await chat(gateway)).status).to.equal(500)
          expect(gateway.log()).to.contain(message)
          expect(gateway.log()).not.to.contain(secret)
        } finally {
          await gateway?.stop()
        }
      })
    }
  })

  it('no secret of a client is logged', async () => {
    const key = scene.newKey()
    await chat(scene.gateway, key)
    const lines = scene.gateway.log().split('\n')
    expect(
      lines.filter((line) => line.includes('virtual-key') && line.includes(`${key}-secret`)),
    ).to.deep.equal([])
  })
})
