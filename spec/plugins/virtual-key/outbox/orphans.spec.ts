import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { Redis } from 'ioredis'
import type { DispatcherOptions } from '../../../../plugins/virtual-key/outbox/dispatcher.ts'
import { signingKey } from '../../../../plugins/virtual-key/outbox/sign.ts'
import { outboxNames, PARTITIONS } from '../../../../plugins/virtual-key/redis/names.ts'
import { DispatchingProcess, everything } from '../../../support/dispatching.ts'
import { PLACES, type Place } from '../../../support/place.ts'
import { Receiver } from '../../../support/receiver.ts'
import { until } from '../../../support/until.ts'
import { keyNames, targetAt } from '../../../support/usage-record.ts'

const ORPHANS = 300
const KEYS = [signingKey(`whsec_${randomBytes(32).toString('base64')}`)]

for (const [name, open] of Object.entries(PLACES))
  describe(`Alerts whose configuration nobody knows, on ${name}`, function () {
    this.timeout(60_000)

    let place: Place
    let receiver: Receiver
    const processes: DispatchingProcess[] = []
    const newKey = keyNames('orphan')

    before(async () => {
      place = await open()
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

    async function start(own: Partial<DispatcherOptions> = {}): Promise<DispatchingProcess> {
      const one = new DispatchingProcess(await place.connect(), own)
      processes.push(one)
      one.dispatcher.start()
      return one
    }
    const settings = () => ({
      url: receiver.url,
      timeout: 1000,
      allowPrivateNetworks: true,
      format: 'json' as const,
      registry: false,
    })
    const target = () => targetAt(receiver.url, { configuration: 'gone', signed: true })
    const count = async () => everything(place.plain)
    const parked = async () => {
      const sizes = await Promise.all(
        Array.from({ length: PARTITIONS }, (_, p) => place.plain.zcard(outboxNames(p).parked)),
      )
      return sizes.reduce((sum, size) => sum + size, 0)
    }
    /** How often Redis has run a command, on all its nodes. */
    const calls = async (command: string) => {
      const sums = await Promise.all(
        place.servers.map(async ({ port }) => {
          const node = new Redis(port)
          const stats = await node.info('commandstats').finally(() => node.disconnect())
          return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
        }),
      )
      return sums.reduce((sum, one) => sum + one, 0)
    }
    /** Of which 16 look at the partitions. Each of these asks for the time, and nothing else does while nothing happens. */
    const scriptsPerSweep = async (sweeps: number) => {
      const [times, scripts] = [await calls('time'), await calls('evalsha')]
      await until('some sweeps', async () => (await calls('time')) - times >= sweeps * PARTITIONS, 30_000)
      return ((await calls('evalsha')) - scripts) / (((await calls('time')) - times) / PARTITIONS)
    }

    it(`${ORPHANS} of them cost no script, and go out within a moment when a process learns it`, async () => {
      const one = await start()
      await Promise.all(Array.from({ length: ORPHANS }, () => one.cross(newKey(), target())))
      await until('the wait', async () => (await parked()) === ORPHANS)
      const each = await scriptsPerSweep(4)
      process.stdout.write(`      scripts for each sweep with ${ORPHANS} of them: ${each.toFixed(1)}\n`)
      expect(each).to.be.below(PARTITIONS + 1)
      expect(one.lines.filter((line) => line.includes('wait: '))).to.have.length(1)

      const started = performance.now()
      one.dispatcher.learn('gone', settings(), KEYS)
      await until('the first delivery', () => receiver.received.length > 0)
      const first = performance.now() - started
      await until('all deliveries', async () => (await count()).delivered === ORPHANS, 30_000)
      process.stdout.write(`      the first one ${first.toFixed(0)} ms after that\n`)
      expect(first).to.be.below(4000)
      expect(receiver.ids.size).to.equal(ORPHANS)
      expect(await parked()).to.equal(0)
      expect(receiver.received.every(({ headers }) => 'webhook-signature' in headers)).to.equal(true)
    })

    it('one that a stranger has put aside goes to a process that has known it for long', async () => {
      const knowing = await start()
      knowing.dispatcher.learn('gone', settings(), KEYS)
      // Two sweeps: what it has just learnt is not what it looks for any more.
      await scriptsPerSweep(2)
      const stranger = await start()
      for (let i = 0; i < 10; i++) await stranger.cross(newKey(), target())
      await until('the deliveries', async () => (await count()).delivered === 10)
      expect(knowing.metrics.get('delivered')).to.equal(10)
    })

    it('they are given up when they are as old as the schedule, with their configuration as the reason', async () => {
      const one = await start({ schedule: [400, 800], lookAgain: 200 })
      await one.cross(newKey(), target())
      await until('the dead letter', async () => (await count()).dead === 1)
      const deads = await Promise.all(
        Array.from({ length: PARTITIONS }, (_, p) => place.plain.xrange(outboxNames(p).dead, '-', '+')),
      )
      const [[id, fields] = ['', []]] = deads.flat()
      expect(fields[3]).to.equal('no process that looked has the secrets of configuration "gone"')
      const { since, attempts } = JSON.parse(fields[5] ?? '')
      expect(attempts).to.deep.equal([])
      expect(Number.parseInt(id, 10) - since).to.be.within(1200, 20_000)
      expect(await count()).to.include({ outbox: 0, alerts: 0, retry: 0 })
      expect(await parked()).to.equal(0)
      expect(one.metrics.get('dead_lettered')).to.equal(1)
      expect(one.lines.filter((line) => line.startsWith('virtual-key critical: '))).to.have.length(1)
    })

    it('one that was due while the clock of Redis was far ahead is taken now', async () => {
      const one = await start()
      one.dispatcher.learn('gone', settings(), KEYS)
      await one.cross(newKey(), target(), false)
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const { outbox, retry, alerts } = outboxNames(partition)
        for (const id of await place.plain.hkeys(alerts)) {
          await place.plain.del(outbox)
          await place.plain.zadd(retry, Date.now() + 400 * 86_400_000, id)
        }
      }
      await until('the delivery', async () => (await count()).delivered === 1)
    })
  })
