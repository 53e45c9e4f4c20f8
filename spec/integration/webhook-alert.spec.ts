import { expect } from 'chai'
import { Redis } from 'ioredis'
import { Webhook } from 'standardwebhooks'
import { Agent } from 'undici'
import { PrivateRedis } from '../../dev/redis.ts'
import { totalName } from '../../plugins/virtual-key/keys.ts'
import { chat } from '../support/client.ts'
import { declaration } from '../support/declaration.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'
import { Receiver } from '../support/receiver.ts'
import { until } from '../support/until.ts'
import { completion, Upstream } from '../support/upstream.ts'

const SECRET = `whsec_${Buffer.from('a signing secret of 32 bytes....').toString('base64')}`

describe('WebhookAlert', function () {
  this.timeout(120_000)

  let redis: PrivateRedis
  let client: Redis
  let upstream: Upstream
  let receiver: Receiver
  let gateway: RunningGateway

  /** Each test has a key of its own, so that none depends on another. */
  const keys = Array.from({ length: 12 }, (_, i) => `vk-${i}`)
  let next = 0
  const newKey = () => keys[next++ % keys.length] ?? ''

  before(async () => {
    redis = await PrivateRedis.start()
    client = new Redis(redis.port)
    upstream = await Upstream.start()
    receiver = await Receiver.start()
    gateway = await startGateway(
      declaration({
        redisPort: redis.port,
        upstreamPort: upstream.port,
        config: {
          alert_threshold: 100,
          alert_webhook: receiver.url,
          webhook: { secrets: [SECRET], allow_private_networks: true },
        },
        consumers: Object.fromEntries(keys.map((key) => [key, undefined])),
      }),
    )
  })

  beforeEach(() => {
    receiver.received.length = 0
    receiver.answer = (response) => response.writeHead(204).end()
    upstream.answer = (response) => upstream.complete(response, upstream.tokens)
  })

  after(async () => {
    await gateway?.stop()
    await receiver?.stop()
    await upstream?.stop()
    client?.disconnect()
    await redis?.stop()
  })

  const total = async (key: string) => Number(await client.get(totalName(key, 'total')))

  /** Brings a key to a total, and to the end of whatever that caused. */
  async function spend(key: string, tokens: number): Promise<void> {
    upstream.tokens = tokens
    const { status, body } = await chat(gateway, key)
    expect(status).to.equal(200)
    expect(body).to.equal(completion(tokens))
  }

  /** Long enough for an alert that should not come: a later crossing of another key has arrived. */
  async function nothingBut(count: number): Promise<void> {
    const marker = newKey()
    await spend(marker, 1000)
    await until('the marker alert', () => receiver.received.some(({ body }) => body.includes(`"${marker}"`)))
    expect(receiver.received.filter(({ body }) => !body.includes(`"${marker}"`))).to.have.length(count)
  }

  describe('FiredByProxyWhenTrackTokensOn', () => {
    it('a crossing fires exactly one call with the exact payload, verified by the official library', async () => {
      const key = newKey()
      await spend(key, 90)
      await spend(key, 11)
      const [alert] = await until('the alert', () => receiver.received.length > 0 && receiver.received)
      const { timestamp, ...rest } = JSON.parse(alert?.body ?? '')
      expect(rest).to.deep.equal({
        event: 'token_threshold_crossed',
        key_id: key,
        service: 'openai',
        threshold: 100,
        total_tokens: 101,
      })
      expect(Object.keys(JSON.parse(alert?.body ?? ''))).to.deep.equal([
        'event',
        'key_id',
        'service',
        'threshold',
        'total_tokens',
        'timestamp',
      ])
      expect(timestamp).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
      expect(Math.abs(Date.parse(timestamp) - Date.now())).to.be.below(60_000)
      new Webhook(SECRET).verify(alert?.body ?? '', alert?.headers as Record<string, string>)
      await nothingBut(1)
    })
  })

  describe('NotFiredWhenBelowThreshold', () => {
    it('a total below the threshold fires nothing', async () => {
      const key = newKey()
      await spend(key, 50)
      await spend(key, 49)
      expect(await total(key)).to.equal(99)
      await nothingBut(0)
    })
  })

  describe('NotFiredWhenAlreadyOver', () => {
    it('a total that was over the threshold before fires nothing more', async () => {
      const key = newKey()
      await spend(key, 150)
      await until('the first alert', () => receiver.received.length === 1)
      await spend(key, 10)
      await spend(key, 500)
      expect(await total(key)).to.equal(660)
      await nothingBut(1)
    })
  })

  describe('FiredWhenThresholdCrossed', () => {
    const outcomes: Record<string, () => void> = {
      'answers 500': () => {
        receiver.answer = (response) => response.writeHead(500).end('broken')
      },
      'refuses the connection': () => {
        receiver.answer = (response) => response.socket?.destroy()
      },
      hangs: () => {
        receiver.answer = () => undefined
      },
    }
    for (const [outcome, prepare] of Object.entries(outcomes)) {
      it(`the proxied request succeeds when the webhook ${outcome}`, async () => {
        prepare()
        const key = newKey()
        const started = performance.now()
        await spend(key, 120)
        expect(performance.now() - started).to.be.below(5000)
        await until('the attempt', () => receiver.received.some(({ body }) => body.includes(`"${key}"`)))
        expect(await total(key)).to.equal(120)
      })
    }

    it('landing exactly on the threshold fires', async () => {
      const key = newKey()
      await spend(key, 100)
      const [alert] = await until('the alert', () => receiver.received.length > 0 && receiver.received)
      expect(JSON.parse(alert?.body ?? '').total_tokens).to.equal(100)
    })

    it('200 concurrent requests over four connections fire one alert, and the total is exact', async () => {
      const key = newKey()
      upstream.tokens = 1
      const agent = new Agent({ connections: 4 })
      const answers = await Promise.all(Array.from({ length: 200 }, () => chat(gateway, key, { agent })))
      await agent.close()
      expect(answers.every(({ status }) => status === 200)).to.equal(true)
      expect(await total(key)).to.equal(200)
      await until('the alert', () => receiver.received.length > 0)
      await nothingBut(1)
    })
  })
})
