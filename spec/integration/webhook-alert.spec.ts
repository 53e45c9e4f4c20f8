import { expect } from 'chai'
import { Webhook } from 'standardwebhooks'
import { Agent } from 'undici'
import { chat } from '../support/client.ts'
import type { Received } from '../support/receiver.ts'
import { Scene } from '../support/scene.ts'
import { until } from '../support/until.ts'
import { completion } from '../support/upstream.ts'

const SECRET = `whsec_${Buffer.from('a signing secret of 32 bytes....').toString('base64')}`

describe('WebhookAlert', function () {
  this.timeout(120_000)

  let scene: Scene

  before(async () => {
    scene = await Scene.start((webhook) => ({
      alert_threshold: 100,
      alert_webhook: webhook,
      // A busy machine must not make an attempt fail: it would be repeated.
      webhook: { secrets: [SECRET], allow_private_networks: true, timeout: 60_000 },
    }))
  })

  beforeEach(() => scene.reset())

  after(() => scene?.stop())

  /** One answered request that costs this many tokens. */
  async function spend(key: string, tokens: number): Promise<void> {
    scene.upstream.tokens = tokens
    const { status, body } = await chat(scene.gateway, key)
    expect(status).to.equal(200)
    expect(body).to.equal(completion(tokens))
  }

  /** Attempts for other keys, which failed in earlier tests, may come at any time. */
  function firstAlertOf(key: string): Promise<Received> {
    return until('the alert', () => scene.receiver.received.find(({ body }) => body.includes(`"${key}"`)))
  }

  /** The key's alerts, after so long that one that should not come would be there: a later crossing of another key has arrived. */
  async function alertsOf(key: string): Promise<readonly unknown[]> {
    const marker = scene.newKey()
    await spend(marker, 1000)
    await until('the marker alert', () =>
      scene.receiver.received.some(({ body }) => body.includes(`"${marker}"`)),
    )
    return scene.receiver.received.filter(({ body }) => body.includes(`"${key}"`))
  }

  describe('FiredByProxyWhenTrackTokensOn', () => {
    it('a crossing fires exactly one call with the exact payload, verified by the official library', async () => {
      const key = scene.newKey()
      await spend(key, 90)
      await spend(key, 11)
      const alert = await firstAlertOf(key)
      const { timestamp, ...rest } = JSON.parse(alert.body)
      expect(rest).to.deep.equal({
        event: 'token_threshold_crossed',
        key_id: key,
        service: 'openai',
        threshold: 100,
        total_tokens: 101,
      })
      expect(Object.keys(JSON.parse(alert.body))).to.deep.equal([
        'event',
        'key_id',
        'service',
        'threshold',
        'total_tokens',
        'timestamp',
      ])
      expect(timestamp).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
      expect(Math.abs(Date.parse(timestamp) - Date.now())).to.be.below(60_000)
      new Webhook(SECRET).verify(alert.body, alert.headers as Record<string, string>)
      expect(await alertsOf(key)).to.have.length(1)
    })
  })

  describe('NotFiredWhenBelowThreshold', () => {
    it('a total below the threshold fires nothing', async () => {
      const key = scene.newKey()
      await spend(key, 50)
      await spend(key, 49)
      expect(await scene.total(key)).to.equal(99)
      expect(await alertsOf(key)).to.have.length(0)
    })
  })

  describe('NotFiredWhenAlreadyOver', () => {
    it('a total that was over the threshold before fires nothing more', async () => {
      const key = scene.newKey()
      await spend(key, 150)
      await until('the first alert', () => scene.receiver.received.length === 1)
      await spend(key, 10)
      await spend(key, 500)
      expect(await scene.total(key)).to.equal(660)
      expect(await alertsOf(key)).to.have.length(1)
    })
  })

  describe('FiredWhenThresholdCrossed', () => {
    const outcomes: Record<string, () => void> = {
      'answers 500': () => {
        scene.receiver.answer = (response) => response.writeHead(500).end('broken')
      },
      'refuses the connection': () => {
        scene.receiver.answer = (response) => response.socket?.destroy()
      },
      hangs: () => {
        scene.receiver.answer = () => undefined
      },
    }
    for (const [outcome, prepare] of Object.entries(outcomes)) {
      it(`the proxied request succeeds when the webhook ${outcome}`, async () => {
        prepare()
        const key = scene.newKey()
        const started = performance.now()
        await spend(key, 120)
        expect(performance.now() - started).to.be.below(30_000)
        await until('the attempt', () =>
          scene.receiver.received.some(({ body }) => body.includes(`"${key}"`)),
        )
        expect(await scene.total(key)).to.equal(120)
      })
    }

    it('landing exactly on the threshold fires', async () => {
      const key = scene.newKey()
      await spend(key, 100)
      const alert = await firstAlertOf(key)
      expect(JSON.parse(alert.body).total_tokens).to.equal(100)
    })

    it('200 concurrent requests over four connections fire one alert, and the total is exact', async () => {
      const key = scene.newKey()
      scene.upstream.tokens = 1
      const agent = new Agent({ connections: 4 })
      const answers = await Promise.all(
        Array.from({ length: 200 }, () => chat(scene.gateway, key, { agent })),
      )
      await agent.close()
      expect(answers.every(({ status }) => status === 200)).to.equal(true)
      expect(await scene.total(key)).to.equal(200)
      await firstAlertOf(key)
      expect(await alertsOf(key)).to.have.length(1)
    })
  })
})
