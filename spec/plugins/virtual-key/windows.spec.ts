import { expect } from 'chai'
import { type SinonFakeTimers, useFakeTimers } from 'sinon'
import { PrivateRedis } from '../../../dev/redis.ts'
import { Plugin } from '../../../plugins/virtual-key/index.ts'
import type { Kong } from '../../../plugins/virtual-key/pdk.ts'
import { type WindowKind, windowAt } from '../../../plugins/virtual-key/policy/window.ts'
import { ProcessServices } from '../../../plugins/virtual-key/process.ts'
import { totalName } from '../../../plugins/virtual-key/redis/names.ts'
import { type Connected, connected } from '../../support/connection.ts'
import { PLAIN_CONFIG } from '../../support/plain-config.ts'
import { Registry } from '../../support/registry.ts'
import { completion } from '../../support/upstream.ts'
import { keyNames } from '../../support/usage-record.ts'

/** The phases as Kong runs them, on a clock of the spec's own. Redis goes by its own clock. */
describe('Windows, across their boundaries', function () {
  this.timeout(60_000)

  let redis: PrivateRedis
  const services = new ProcessServices()
  const { metrics } = services.telemetry
  let plain: Connected
  let registry: Registry
  let clock: SinonFakeTimers
  const newKey = keyNames('window')
  /** What stands in Kong's log where there is no webhook. */
  const lines: string[] = []

  before(async () => {
    redis = await PrivateRedis.start()
    plain = await connected(redis.port)
    registry = await Registry.open(redis.port)
  })

  beforeEach(() => {
    clock = useFakeTimers({ toFake: ['Date'] })
    lines.length = 0
  })

  afterEach(() => clock.restore())

  after(async () => {
    registry.close()
    await services.close(1000)
    plain.redis.disconnect()
    await redis.stop()
  })

  interface Answer {
    readonly status: number
    readonly headers: Readonly<Record<string, string>>
  }

  /** One request of 60 tokens. */
  async function request(plugin: Plugin, key: string): Promise<Answer> {
    const seen: { status: number; headers: Record<string, string> } = { status: 200, headers: {} }
    const kong = {
      request: { getHeaders: async () => ({ 'content-length': ['2'] }) },
      client: { getConsumer: async () => ({ id: '1', username: key }) },
      router: { getService: async () => ({ name: 'openai' }) },
      service: {
        response: { getRawBody: async () => Buffer.from(completion(60)), getStatus: async () => 200 },
      },
      response: {
        setHeader: async (name: string, value: string) => void Object.assign(seen.headers, { [name]: value }),
        setHeaders: async (headers: Record<string, string>) => void Object.assign(seen.headers, headers),
        exit: async (status: number, _: string, headers: Record<string, string>) =>
          void Object.assign(seen, { status, headers: { ...seen.headers, ...headers } }),
      },
      log: { err: async (line: string) => lines.push(line), warn: async (line: string) => lines.push(line) },
    } as unknown as Kong
    await plugin.access(kong)
    if (seen.status === 200) await plugin.response(kong)
    return seen
  }

  const plugin = (window: WindowKind, own: object = {}) =>
    new Plugin(
      {
        ...PLAIN_CONFIG,
        alert_threshold: 50,
        token_budget: 100,
        redis: { ...PLAIN_CONFIG.redis, port: redis.port },
        window,
        ...own,
      },
      services,
    )

  const boundaries: Array<[kind: WindowKind, last: string, first: string]> = [
    ['hour', '2026-11-23T18:59:59.999Z', '2026-11-23T19:00:00Z'],
    ['day', '2024-02-28T23:59:59.999Z', '2024-02-29T00:00:00Z'],
    ['day', '2024-02-29T23:59:59.999Z', '2024-03-01T00:00:00Z'],
    ['day', '2025-02-28T23:59:59.999Z', '2025-03-01T00:00:00Z'],
    ['week', '2026-11-22T23:59:59.999Z', '2026-11-23T00:00:00Z'],
    ['week', '2021-01-03T23:59:59.999Z', '2021-01-04T00:00:00Z'],
    ['month', '2024-02-29T23:59:59.999Z', '2024-03-01T00:00:00Z'],
    ['month', '2025-12-31T23:59:59.999Z', '2026-01-01T00:00:00Z'],
  ]
  for (const [kind, last, first] of boundaries) {
    for (const where of ['configuration', 'registry']) {
      it(`${kind} of the ${where}, ${last} to ${first}: budget and threshold start anew`, async () => {
        const key = newKey()
        const one = where === 'registry' ? plugin('total', { registry: true }) : plugin(kind)
        if (where === 'registry') await registry.set(key, { window: kind })
        const statuses: number[] = []
        const crossings = metrics.get('crossings')
        const send = async () => {
          const answer = await request(one, key)
          statuses.push(answer.status)
          return answer
        }
        clock.setSystemTime(Date.parse(last))
        await send()
        await send()
        expect((await send()).headers).to.include({ 'Retry-After': '1', 'X-Token-Reset': '1' })
        clock.setSystemTime(Date.parse(first))
        expect((await send()).headers).to.include({ 'X-Token-Remaining': '40' })
        expect(statuses).to.deep.equal([200, 200, 429, 200])
        // Lines about crossings come with whichever phase is next.
        expect(lines.filter((line) => line.includes('exceeds'))).to.deep.equal([
          `virtual-key: key "${key}" exceeds its budget with 120 of 100 tokens`,
        ])
        expect(metrics.get('crossings') - crossings).to.equal(2)
        for (const [at, total] of [
          [last, '120'],
          [first, '60'],
        ] as const) {
          const name = totalName(key, windowAt(kind, Date.parse(at)).label)
          expect(await plain.redis.get(name)).to.equal(total)
          expect(await plain.redis.ttl(name)).to.be.above(0)
        }
      })
    }
  }

  it('a record that names no window leaves the one of the configuration standing', async () => {
    const key = newKey()
    await registry.set(key, { token_budget: 50 })
    clock.setSystemTime(Date.parse('2026-11-23T18:30:00Z'))
    const one = plugin('day', { registry: true })
    await request(one, key)
    expect((await request(one, key)).headers).to.include({ 'X-Token-Reset': '19800' })
    expect(await plain.redis.get(totalName(key, '2026-11-23'))).to.equal('60')
  })

  it('total never ends; that of a key that is not registered is forgotten 400 days after its last use', async () => {
    const key = newKey()
    const one = plugin('total')
    clock.setSystemTime(Date.parse('2026-11-23T00:00:00Z'))
    await request(one, key)
    clock.setSystemTime(Date.parse('2036-11-23T00:00:00Z'))
    const { headers } = await request(one, key)
    expect(headers).to.include({ 'X-Token-Remaining': '0' }).and.not.have.property('X-Token-Reset')
    expect(await plain.redis.ttl(totalName(key, 'total'))).to.be.within(399 * 86_400, 400 * 86_400)
    await registry.set(key, { token_budget: 1000 })
    await request(plugin('total', { registry: true }), key)
    expect(await plain.redis.ttl(totalName(key, 'total'))).to.equal(-1)
  })

  it('a gateway whose clock is a year ahead counts in the window that is open by the clock of Redis', async () => {
    const key = newKey()
    const one = plugin('day')
    const now = Number((await plain.redis.time())[0]) * 1000
    const nextYear = now + 365 * 86_400_000
    clock.setSystemTime(nextYear)
    await request(one, key)
    await request(one, key)
    expect((await request(one, key)).status).to.equal(429)
    expect(await plain.redis.get(totalName(key, windowAt('day', now).label))).to.equal('120')
    expect(await plain.redis.exists(totalName(key, windowAt('day', nextYear).label))).to.equal(0)
  })

  it('a gateway whose clock is years behind counts all the same: its counter lives for a day', async () => {
    const key = newKey()
    clock.setSystemTime(Date.parse('2024-02-29T12:00:00Z'))
    const one = plugin('day')
    await request(one, key)
    expect((await request(one, key)).headers).to.include({ 'X-Token-Remaining': '0' })
    expect(await plain.redis.get(totalName(key, '2024-02-29'))).to.equal('120')
    expect(await plain.redis.ttl(totalName(key, '2024-02-29'))).to.be.within(86_000, 86_400)
  })
})
