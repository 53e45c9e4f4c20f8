import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { Webhook } from 'standardwebhooks'
import { request } from 'undici'
import type { Dispatcher, DispatcherOptions } from '../../../../plugins/virtual-key/outbox/dispatcher.ts'
import { signingKey } from '../../../../plugins/virtual-key/outbox/sign.ts'
import { removeIdleConsumers } from '../../../../plugins/virtual-key/outbox/sweep.ts'
import { outboxNames, partitionOf } from '../../../../plugins/virtual-key/redis/names.ts'
import { connected } from '../../../support/connection.ts'
import { DispatchingProcess, everything } from '../../../support/dispatching.ts'
import { PLACES, type Place } from '../../../support/place.ts'
import { Receiver } from '../../../support/receiver.ts'
import { SwallowingProxy } from '../../../support/swallowing-proxy.ts'
import { until } from '../../../support/until.ts'
import { keyNames, targetAt } from '../../../support/usage-record.ts'

const LEASE = 600

for (const [name, open] of Object.entries(PLACES))
  describe(`Dispatcher on ${name}`, function () {
    this.timeout(60_000)

    let place: Place
    let plain: Place['plain']
    let receiver: Receiver
    const processes: DispatchingProcess[] = []
    const newKey = keyNames('dispatch')

    before(async () => {
      place = await open()
      plain = place.plain
    })

    beforeEach(async () => {
      await place.flush()
      receiver = await Receiver.start()
    })

    afterEach(async () => {
      await Promise.all(processes.splice(0).map((one) => one.stop()))
      await receiver.stop()
    })

    after(async () => {
      await place.stop()
    })

    async function start(
      own: Partial<DispatcherOptions> = {},
      connection = place.connect(),
    ): Promise<DispatchingProcess> {
      const one = new DispatchingProcess(await connection, {
        lease: LEASE,
        schedule: [50, 50, 50],
        ...own,
      })
      processes.push(one)
      one.dispatcher.start()
      return one
    }
    const count = async (what: 'outbox' | 'alerts' | 'retry' | 'dead' | 'delivered') =>
      (await everything(plain))[what]
    const gone = () =>
      until(
        'an empty outbox',
        async () => (await count('outbox')) + (await count('alerts')) + (await count('retry')) === 0,
      )
    const history = async (what: 'dead' | 'delivered', key: string) => {
      const entries = await plain.xrange(outboxNames(partitionOf(key))[what], '-', '+')
      return entries.map(([, fields]) => JSON.parse(fields[fields.indexOf('record') + 1] ?? ''))
    }
    const reasons = async (key: string) =>
      (await plain.xrange(outboxNames(partitionOf(key)).dead, '-', '+')).map(
        ([, fields]) => fields[fields.indexOf('reason') + 1],
      )

    it('brings a crossing to the webhook within 5 ms (p50), or what a loaded machine makes of them', async () => {
      const arrivals = new Map<string, number>()
      receiver.answer = (response, { headers }) => {
        arrivals.set(String(headers['webhook-id']), performance.now())
        response.writeHead(204).end()
      }
      const one = await start()
      const latencies: number[] = []
      const bare: number[] = []
      for (let i = 0; i < 300; i++) {
        const started = performance.now()
        const settled = await one.cross(newKey(), targetAt(receiver.url))
        const id = settled.state === 'settled' ? settled.claims[0]?.id : undefined
        const arrived = await until('the alert', () => arrivals.get(id ?? ''))
        latencies.push(arrived - started)
        // The same way without this project: one Redis command, one POST. It tells how loaded the machine is.
        const before = performance.now()
        await plain.ping()
        const { body } = await request(receiver.url, {
          method: 'POST',
          headers: { 'webhook-id': `bare ${i}` },
        })
        bare.push((arrivals.get(`bare ${i}`) ?? Number.POSITIVE_INFINITY) - before)
        await body.dump()
      }
      const at = (all: number[], share: number) =>
        all.sort((a, b) => a - b)[Math.floor(all.length * share)] ?? 0
      const [p50, p99, yardstick] = [at(latencies, 0.5), at(latencies, 0.99), at(bare, 0.5)]
      process.stdout.write(
        `      settling a crossing to the webhook's handler: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms; ` +
          `a bare PING and POST: p50 ${yardstick.toFixed(2)} ms\n`,
      )
      expect(p50).to.be.below(Math.max(5, 10 * yardstick))
    })

    it('signs each attempt anew, keeps the body, and records every attempt', async () => {
      const secret = `whsec_${randomBytes(32).toString('base64')}`
      const key = newKey()
      let attempts = 0
      receiver.answer = (response) => response.writeHead(++attempts < 3 ? 500 : 200).end(`answer ${attempts}`)
      let now = 1_700_000_000_000
      const one = await start({
        signers: new Map([['plugin-1', [signingKey(secret)]]]),
        clock: () => (now += 5000),
      })
      await one.cross(key, targetAt(receiver.url, { configuration: 'plugin-1', signed: true }))
      await gone()
      const bodies = new Set(receiver.received.map(({ body }) => body))
      const stamps = new Set(receiver.received.map(({ headers }) => headers['webhook-timestamp']))
      expect([receiver.received.length, bodies.size, stamps.size, receiver.ids.size]).to.deep.equal([
        3, 1, 3, 1,
      ])
      for (const { body, headers } of receiver.received) {
        const [, signature = ''] = String(headers['webhook-signature']).split(',')
        const at = new Date(Number(headers['webhook-timestamp']) * 1000)
        expect(new Webhook(secret).sign(String(headers['webhook-id']), at, body)).to.equal(`v1,${signature}`)
      }
      const [record] = await history('delivered', key)
      expect(
        record.attempts.map(({ status, error }: { status: number; error?: string }) => [status, error]),
      ).to.deep.equal([
        [500, 'answer 1'],
        [500, 'answer 2'],
        [200, undefined],
      ])
      expect(JSON.stringify(await plain.hgetall(outboxNames(partitionOf(key)).alerts))).not.to.include(secret)
    })

    it('writes for people where the record asks for it', async () => {
      const one = await start()
      const key = newKey()
      await one.cross(key, targetAt(receiver.url, { format: 'slack' }))
      await gone()
      expect(JSON.parse(receiver.received[0]?.body ?? '').text).to.include(`*${key}*`)
    })

    it('buries an alert when its schedule is over, with the reason, and says so', async () => {
      receiver.answer = (response) => response.writeHead(500).end('no')
      const one = await start()
      const key = newKey()
      await one.cross(key, targetAt(receiver.url))
      await gone()
      expect(receiver.received).to.have.length(4)
      expect(await reasons(key)).to.deep.equal(['4 attempts failed, the last: no'])
      expect((await history('dead', key))[0].attempts).to.have.length(4)
      expect(one.lines.some((line) => line.includes('given up'))).to.equal(true)
    })

    it('gives up at once what answers 410, and tries a private target on the schedule, without a call', async () => {
      receiver.answer = (response) => response.writeHead(410).end()
      const one = await start()
      const [goneKey, privateKey] = [newKey(), newKey()]
      await one.cross(goneKey, targetAt(receiver.url))
      await one.cross(privateKey, targetAt(receiver.url, { allowPrivateNetworks: false }))
      await gone()
      expect(receiver.received).to.have.length(1)
      expect(await reasons(goneKey)).to.deep.equal(['the receiver answered 410 Gone'])
      expect(await reasons(privateKey)).to.deep.equal([
        '4 attempts failed, the last: 127.0.0.1 is a private address',
      ])
    })

    it('waits as long as Retry-After asks for', async () => {
      receiver.answer = (response) =>
        response.writeHead(receiver.received.length < 2 ? 429 : 204, { 'retry-after': '1' }).end()
      const one = await start()
      const started = performance.now()
      await one.cross(newKey(), targetAt(receiver.url))
      await gone()
      expect(performance.now() - started).to.be.above(1000)
    })

    it('says nothing of credentials and paths in its log, and keeps answers out of terminals', async () => {
      receiver.answer = (response) => response.writeHead(500).end('p4ss \u001b[2J')
      const one = await start({ schedule: [] })
      await one.cross(
        newKey(),
        targetAt(receiver.url.replace('http://', 'http://me:p4ss@').replace('alerts', 'T0KEN')),
      )
      await gone()
      expect(one.lines.join('')).to.include('given up')
      for (const hidden of ['p4ss', 'T0KEN', '\u001b']) expect(one.lines.join('')).not.to.include(hidden)
    })

    it('takes over the alerts of a process that died right after the crossing', async () => {
      const dying = await start()
      await dying.dispatcher.stop(0)
      for (let i = 0; i < 20; i++) await dying.cross(newKey(), targetAt(receiver.url), false)
      await start()
      await gone()
      expect(receiver.received).to.have.length(20)
      expect(receiver.ids.size).to.equal(20)
    })

    it('finds a dead process’s alerts behind more of a living one’s than one look covers', async () => {
      const hanging = await Promise.all(Array.from({ length: 8 }, () => Receiver.start()))
      for (const one of hanging) one.answer = () => undefined
      const busy = await start()
      let key = newKey()
      const partition = partitionOf(key)
      // One partition; eight hosts' worth of lanes, so that one living process holds some 500 alerts there.
      for (let i = 0; i < 500; i++) {
        while (partitionOf(key) !== partition) key = newKey()
        await busy.cross(key, targetAt(hanging[i % 8]?.url ?? '', { timeout: 60_000 }))
        key = newKey()
      }
      expect(busy.dispatcher.owned).to.be.above(400)
      const quick = await Receiver.start()
      try {
        const dead = await start()
        await dead.dispatcher.stop(0)
        while (partitionOf(key) !== partition) key = newKey()
        await dead.cross(key, targetAt(quick.url), false)
        await start()
        await until('the dead one’s alert', () => quick.received.length === 1)
      } finally {
        await Promise.all([quick, ...hanging].map((one) => one.stop()))
      }
    })

    it('shares the work between several processes with no double delivery', async () => {
      const all = await Promise.all([start(), start(), start()])
      receiver.answer = (response) => {
        setTimeout(() => response.writeHead(Math.random() < 0.3 ? 500 : 204).end(), 20)
      }
      await Promise.all(
        Array.from({ length: 300 }, (_, i) =>
          all[i % 3]?.cross(newKey(), targetAt(receiver.url), i % 5 !== 0),
        ),
      )
      await until('all ends', async () => (await count('delivered')) + (await count('dead')) === 300)
      const delivered = all.map(({ metrics }) => metrics.get('delivered'))
      expect(delivered.every((n) => n > 30)).to.equal(true)
      expect(delivered.reduce((sum, n) => sum + n, 0)).to.equal(await count('delivered'))
      expect(receiver.ids.size).to.equal(300)
    })

    it('brings a retry back through any process', async () => {
      let failing = true
      receiver.answer = (response) => response.writeHead(failing ? 500 : 204).end()
      const first = await start({ schedule: [300] })
      await first.cross(newKey(), targetAt(receiver.url))
      await until('the retry', async () => (await count('retry')) === 1)
      await first.dispatcher.stop(0)
      failing = false
      const second = await start()
      await gone()
      expect(second.metrics.get('delivered')).to.equal(1)
    })

    it('leaves an alert whose secrets it does not know to one who does, and says so once', async () => {
      // Long enough that the stranger, if it looks again, does not give the alert up by its age.
      const schedule = [3_600_000]
      const stranger = await start({ schedule })
      await stranger.cross(newKey(), targetAt(receiver.url, { configuration: 'plugin-2', signed: true }))
      await until('the put back', async () => (await count('retry')) === 1)
      expect(receiver.received).to.have.length(0)
      const secret = `whsec_${randomBytes(32).toString('base64')}`
      const signers = new Map([['plugin-2', [signingKey(secret)]]])
      const knowing = await start({ signers, schedule })
      await gone()
      expect(knowing.metrics.get('delivered')).to.equal(1)
      expect(receiver.received).to.have.length(1)
      expect(stranger.lines.filter((line) => line.includes('plugin-2'))).to.have.length(1)
    })

    it('does not let a receiver that hangs delay the others', async () => {
      const quick = await Receiver.start()
      try {
        receiver.answer = () => undefined
        const one = await start()
        const hanging = targetAt(receiver.url, { timeout: 60_000 })
        for (let i = 0; i < 400; i++) await one.cross(newKey(), hanging)
        const started = performance.now()
        for (let i = 0; i < 20; i++) await one.cross(newKey(), targetAt(quick.url))
        await until('the quick receiver', () => quick.received.length === 20)
        // One that waited for the others would wait for their timeout.
        expect(performance.now() - started).to.be.below(30_000)
        // Some left behind by a dead process, to be found by sweeping.
        for (let i = 0; i < 20; i++) await one.cross(newKey(), targetAt(quick.url), false)
        await until('those of the dead process', () => quick.received.length === 40)
        expect(receiver.received).to.have.length(8)
      } finally {
        await quick.stop()
      }
    })

    // Of a cluster, the proxy would have to stand before every node.
    if (name === 'a single Redis')
      it('delivers once although the reply to the delivery is lost', async () => {
        const proxy = await SwallowingProxy.start(place.servers[0]?.port ?? 0)
        try {
          const one = await start({}, connected(proxy.port))
          receiver.answer = (response) => {
            proxy.swallow = true
            response.writeHead(204).end()
          }
          await one.cross(newKey(), targetAt(receiver.url))
          await until('the delivery', async () => (await count('delivered')) === 1)
          proxy.swallow = false
          proxy.cut()
          await until('empty hands', () => one.dispatcher.owned === 0)
          await start()
          await gone()
          expect(receiver.received).to.have.length(1)
          expect(await count('delivered')).to.equal(1)
        } finally {
          await proxy.stop()
        }
      })

    // Of a cluster, every node has users of its own.
    if (name === 'a single Redis')
      it('says it when deliveries cannot be taken off, or the outbox cannot be looked at, for longer', async () => {
        const one = await start()
        try {
          await plain.acl('SETUSER', 'default', '-xack', '-xautoclaim')
          await one.cross(newKey(), targetAt(receiver.url))
          const told = (what: string) =>
            until(what, () => one.lines.some((line) => line.includes(`${what}: failing for `)))
          await told('alerts that were delivered cannot be taken off')
          await told('the outbox cannot be looked at')
          expect(receiver.received).to.have.length(1)
          const errors = one.lines.filter((line) => line.startsWith('virtual-key error: '))
          expect(errors).to.have.length(2)
        } finally {
          await plain.acl('SETUSER', 'default', '+@all')
        }
        await gone()
        await until(
          'the relief',
          () => one.lines.filter((line) => line.includes(': works again')).length === 2,
        )
        expect(receiver.received).to.have.length(1)
      })

    it('delivers once although Redis is away for longer than a lease in the middle of the attempt', async () => {
      const all = await Promise.all(Array.from({ length: 6 }, () => start()))
      let answer: (() => void) | undefined
      receiver.answer = (response) => {
        answer = () => response.writeHead(204).end()
      }
      await all[0]?.cross(newKey(), targetAt(receiver.url, { timeout: 30_000 }))
      await until('the attempt', () => answer)
      await Promise.all(place.servers.map((server) => server.halt()))
      await new Promise((wake) => setTimeout(wake, LEASE * 2))
      await Promise.all(place.servers.map((server) => server.resume()))
      await until('the connections', () => all.every(({ connection }) => connection.redis.status === 'ready'))
      // Long enough for the other one to take it, if it took the owner for dead.
      await new Promise((wake) => setTimeout(wake, LEASE * 2))
      answer?.()
      await gone()
      expect(receiver.received).to.have.length(1)
    })

    it('does not attempt what another took while it was stopped', async () => {
      // Stands still right after a delivery, so that what the delivery sets going comes before any renewal.
      let stood = false
      const standStill = (message: string) => {
        const wakes = message.includes('delivered') && !stood ? performance.now() + 1100 : 0
        stood ||= wakes > 0
        while (performance.now() < wakes);
      }
      const nothing = (): void => undefined
      const log = { info: standStill, warn: nothing, error: nothing, critical: nothing }
      const one = await start({ lease: 1500, log })
      const answers: Array<() => void> = []
      receiver.answer = (response) => {
        answers.push(() => response.writeHead(204).end())
      }
      // Its lane is full, so the ninth waits in memory.
      for (let i = 0; i < 9; i++) await one.cross(newKey(), targetAt(receiver.url, { timeout: 20_000 }))
      await until('eight attempts', () => answers.length === 8)
      for (let p = 0; p < 16; p++) {
        const { outbox } = outboxNames(p)
        const pending =
          (await plain.xlen(outbox)) > 0 ? await plain.xpending(outbox, 'dispatchers', '-', '+', 100) : []
        for (const [id = ''] of pending as string[][])
          await plain.xclaim(outbox, 'dispatchers', 'somebody', 0, id)
      }
      answers[0]?.()
      await until('seven in hand', () => one.dispatcher.owned === 7)
      expect(answers).to.have.length(8)
      for (const answer of answers.slice(1)) answer()
    })

    it('puts back an alert that a flush took from Redis in the middle of the attempt', async () => {
      let answer: (() => void) | undefined
      receiver.answer = (response) => {
        if (receiver.received.length > 1) return response.writeHead(204).end()
        answer = () => response.writeHead(500).end()
        return undefined
      }
      const one = await start()
      const key = newKey()
      await one.cross(key, targetAt(receiver.url, { timeout: 30_000 }))
      await until('the attempt', () => answer)
      await place.flush()
      // Long enough for a renewal to notice.
      await new Promise((wake) => setTimeout(wake, LEASE))
      answer?.()
      await until('the second attempt', () => receiver.received.length === 2)
      await gone()
      expect(receiver.ids.size).to.equal(1)
      expect((await history('delivered', key))[0].attempts).to.have.length(2)
    })

    it('buries what is no record, and removes what has none, without holding up the others', async () => {
      const one = await start()
      const key = newKey()
      const { outbox, alerts } = outboxNames(partitionOf(key))
      const broken = [
        '{',
        'null',
        '[]',
        '{"keyId":"a"}',
        '{"keyId":1,"url":2,"payload":3,"timeout":1,"attempts":[]}',
        '""',
      ]
      for (const [i, text] of broken.entries()) {
        await plain.hset(alerts, `broken-${i}`, text)
        await plain.xadd(outbox, '*', 'id', `broken-${i}`)
      }
      await plain.xadd(outbox, '*', 'id', 'nowhere')
      await plain.xadd(outbox, '*', 'wrong', 'fields', 'and', 'more')
      await one.cross(key, targetAt(receiver.url))
      await gone()
      expect(receiver.received).to.have.length(1)
      expect(await reasons(key)).to.deep.equal(broken.map(() => 'the record cannot be read'))
    })

    it('hands back what it has not attempted when it stops, for another to take at once', async () => {
      receiver.answer = () => undefined
      const one = await start({ lease: 15_000 })
      for (let i = 0; i < 30; i++) await one.cross(newKey(), targetAt(receiver.url, { timeout: 5000 }))
      await until('eight attempts', () => receiver.received.length === 8)
      receiver.answer = (response) => response.writeHead(204).end()
      const stopping = one.dispatcher.stop(1500)
      await start({ lease: 15_000 })
      await until('the others', () => receiver.received.length === 30)
      await stopping
    })

    it('forgets processes that are gone, but none that holds alerts', async () => {
      const key = newKey()
      const { outbox } = outboxNames(partitionOf(key))
      const holding = await start()
      await holding.dispatcher.stop(0)
      await holding.cross(key, targetAt(receiver.url), false)
      await plain.xgroup('CREATECONSUMER', outbox, 'dispatchers', 'idle-one')
      const { link } = await place.connect()
      await new Promise((wake) => setTimeout(wake, 5))
      expect(await removeIdleConsumers(link.redis, partitionOf(key), 3_600_000)).to.equal(0)
      expect(await removeIdleConsumers(link.redis, partitionOf(key), 1)).to.equal(1)
      const left = (await plain.call('XINFO', 'CONSUMERS', outbox, 'dispatchers')) as string[][]
      expect(left.map((fields) => fields[1])).to.deep.equal([holding.consumer])
      link.redis.disconnect()
    })

    it('is started, stopped and started again without a word', async () => {
      const one: Dispatcher = (await start()).dispatcher
      await one.stop(100)
      expect(one.owned).to.equal(0)
    })
  })
