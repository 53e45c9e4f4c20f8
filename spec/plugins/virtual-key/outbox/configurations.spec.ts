import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { Webhook } from 'standardwebhooks'
import {
  type DeliverySettings,
  settingsText,
  shareSettings,
} from '../../../../plugins/virtual-key/outbox/delivery-settings.ts'
import type { DispatcherOptions } from '../../../../plugins/virtual-key/outbox/dispatcher.ts'
import { type SigningKey, signingKey } from '../../../../plugins/virtual-key/outbox/sign.ts'
import {
  configurationName,
  keyName,
  outboxNames,
  partitionOf,
} from '../../../../plugins/virtual-key/redis/names.ts'
import { DispatchingProcess, everything } from '../../../support/dispatching.ts'
import { PLACES, type Place } from '../../../support/place.ts'
import { Receiver } from '../../../support/receiver.ts'
import { until } from '../../../support/until.ts'
import { keyNames, targetAt } from '../../../support/usage-record.ts'

const LEASE = 600
const ID = 'plugin-1'
const secret = () => `whsec_${randomBytes(32).toString('base64')}`

for (const [name, open] of Object.entries(PLACES))
  describe(`Attempts use what holds now, on ${name}`, function () {
    this.timeout(60_000)

    let place: Place
    let wrong: Receiver
    let right: Receiver
    const processes: DispatchingProcess[] = []
    const newKey = keyNames('now')

    before(async () => {
      place = await open()
    })

    beforeEach(async () => {
      await place.flush()
      wrong = await Receiver.start()
      wrong.answer = (response) => response.writeHead(404).end('no such hook')
      right = await Receiver.start()
    })

    afterEach(async () => {
      await Promise.all(processes.splice(0).map((one) => one.stop()))
      await wrong.stop()
      await right.stop()
    })

    after(async () => {
      await place.stop()
    })

    async function start(own: Partial<DispatcherOptions> = {}): Promise<DispatchingProcess> {
      const one = new DispatchingProcess(await place.connect(), {
        lease: LEASE,
        schedule: Array(100).fill(300),
        ...own,
      })
      processes.push(one)
      one.dispatcher.start()
      return one
    }
    const settings = (url: string | undefined, own: Partial<DeliverySettings> = {}) => ({
      url,
      timeout: 1000,
      allowPrivateNetworks: true,
      format: 'json' as const,
      registry: false,
      ...own,
    })
    const shared = async () => JSON.parse((await place.plain.get(configurationName(ID))) ?? '{}')
    const learnt = async (
      one: DispatchingProcess,
      url: string | undefined,
      keys: readonly SigningKey[] = [],
      own: Partial<DeliverySettings> = {},
    ) => {
      one.dispatcher.learn(ID, settings(url, own), keys)
      await until('shared settings', async () => {
        const now = await shared()
        return now.url === url && now.timeout === (own.timeout ?? 1000)
      })
    }
    const target = (own = {}) => targetAt(wrong.url, { configuration: ID, ...own })
    const delivered = () => until('the delivery', async () => (await everything(place.plain)).delivered === 1)
    const failedOnce = () =>
      until('the first attempt', async () => (await everything(place.plain)).retry === 1)
    const records = async (key: string) =>
      Object.values(await place.plain.hgetall(outboxNames(partitionOf(key)).alerts)).map((text) =>
        JSON.parse(text),
      )

    it('a corrected URL reaches an alert that waits, on a gateway that still holds the wrong one too', async () => {
      const stale = await start()
      await learnt(stale, wrong.url)
      await stale.cross(newKey(), target())
      await failedOnce()
      // Another gateway shares the correction. It has no dispatcher here, which could deliver the alert before the stale gateway does.
      await shareSettings(place.plain, ID, settingsText({ ...settings(right.url), secrets: '' }))
      await delivered()
      expect(right.received).to.have.length(1)
      expect(stale.metrics.get('delivered')).to.equal(1)
    })

    it('so do a longer time-out, a permission for private networks, and another format', async () => {
      const one = await start()
      right.answer = (response) => setTimeout(() => response.writeHead(204).end(), 400)
      const before = { timeout: 100, allowPrivateNetworks: false }
      await learnt(one, right.url, [], before)
      const key = newKey()
      await one.cross(key, targetAt(right.url, { configuration: ID, ...before }))
      await failedOnce()
      expect((await records(key))[0].attempts[0].error).to.equal('127.0.0.1 is a private address')
      await learnt(one, right.url, [], { timeout: 10_000, format: 'slack' })
      await delivered()
      expect(JSON.parse(right.received[0]?.body ?? '').text).to.include(key)
    })

    it("a registered key's own webhook goes before the configuration's, and its correction too", async () => {
      const one = await start()
      await learnt(one, wrong.url, [], { registry: true })
      const key = newKey()
      await one.cross(key, target())
      await failedOnce()
      await place.plain.hset(keyName(key), { created_at: '1', alert_webhook: right.url })
      await delivered()
      expect(right.received).to.have.length(1)
    })

    it("a key that was deleted from the registry has the configuration's webhook", async () => {
      const one = await start()
      await learnt(one, right.url, [], { registry: true })
      const key = newKey()
      await one.cross(key, target())
      await failedOnce()
      await place.plain.hset(keyName(key), { epoch: '1', alert_webhook: wrong.url })
      await delivered()
      expect(right.received).to.have.length(1)
    })

    it('signs with the secrets that hold now, and not with older ones of another gateway', async () => {
      const [old, fresh] = [secret(), secret()]
      const stale = await start()
      await learnt(stale, wrong.url, [signingKey(old)])
      for (let i = 0; i < 10; i++) await stale.cross(newKey(), target({ signed: true }))
      await until('the first attempts', () => wrong.ids.size === 10)
      const corrected = await start()
      await learnt(corrected, right.url, [signingKey(fresh)])
      await until('all deliveries', async () => (await everything(place.plain)).delivered === 10)
      for (const { body, headers } of right.received)
        new Webhook(fresh).verify(body, headers as Record<string, string>)
      expect(corrected.metrics.get('delivered')).to.equal(10)
      for (const text of [await shared(), await place.plain.get(configurationName(ID))])
        for (const hidden of [old, fresh]) expect(JSON.stringify(text)).not.to.include(hidden.slice(6))
    })

    it('sends nowhere while its configuration names no webhook, and gives up when the schedule is over', async () => {
      const one = await start({ schedule: [1500, 2000], lookAgain: 300 })
      await learnt(one, wrong.url)
      const key = newKey()
      await one.cross(key, target())
      await failedOnce()
      await learnt(one, undefined)
      const { dead } = outboxNames(partitionOf(key))
      await until('the dead letter', async () => (await place.plain.xlen(dead)) === 1)
      const [[, fields] = []] = await place.plain.xrange(dead, '-', '+')
      expect(fields?.[3]).to.equal('configuration "plugin-1" names no webhook')
      expect(wrong.received).to.have.length(1)
      expect(one.lines.join('')).to.match(/critical: alert vk_\w+ of key "now-\d+" to \S+: given up: /)
      expect(await everything(place.plain)).to.include({ outbox: 0, alerts: 0, retry: 0 })
      expect(await place.plain.exists(outboxNames(partitionOf(key)).parked)).to.equal(0)
    })

    it('goes out within a moment when the configuration names a webhook again', async () => {
      const one = await start()
      await learnt(one, wrong.url)
      await one.cross(newKey(), target())
      await failedOnce()
      await learnt(one, undefined)
      await until('the wait', async () =>
        JSON.stringify(await everythingParked()).includes('names no webhook'),
      )
      await learnt(one, right.url)
      await delivered()
    })

    async function everythingParked() {
      const all = await Promise.all(
        Array.from({ length: 16 }, (_, p) => place.plain.hvals(outboxNames(p).alerts)),
      )
      return all.flat()
    }

    it('the latest crossing puts right what a gateway that lags behind has shared', async () => {
      const current = await start()
      await learnt(current, right.url)
      const lagging = await start()
      await learnt(lagging, wrong.url)
      await current.cross(newKey(), targetAt(right.url, { configuration: ID }))
      await until('the correction', async () => (await shared()).url === right.url)
    })

    it('settings are shared again after Redis was lost, and an alert that has none goes by its crossing', async () => {
      const stranger = await start()
      await stranger.cross(newKey(), targetAt(right.url, { configuration: 'never-shared' }), false)
      await stranger.dispatcher.stop(0)
      await start()
      await delivered()
      expect(right.received).to.have.length(1)
    })
  })
