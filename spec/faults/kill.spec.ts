import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { Redis } from 'ioredis'
import { Webhook } from 'standardwebhooks'
import { PrivateRedis } from '../../dev/redis.ts'
import { PARTITIONS, partitionOf, schemaName, totalName } from '../../plugins/virtual-key/redis/names.ts'
import { everything } from '../support/dispatching.ts'
import { Receiver } from '../support/receiver.ts'
import { until } from '../support/until.ts'
import { type Account, alertId, crossedBy, isExact } from './bookkeeping.ts'
import { Life } from './life.ts'

const KILLS = 50
const REDIS_RESTARTS = 5
const THRESHOLDS = [100, 250]
const TOKENS = 40
/** Every so manyth key is kept below the thresholds: it must not fire, whatever its unknown requests did. */
const BELOW = 5
/** Plugin servers at once, and Kong's connections to each. */
const SERVERS = 2
const CONNECTIONS = 4
/** Between two requests of a connection, so that starting processes get their share of two cores. Unit: milliseconds. */
const PAUSE = 10
/** Enough that a receiver which fails three calls of ten does not outlast it. */
const SCHEDULE = Array(20).fill('200ms').join(',')
const SECRET = `whsec_${randomBytes(32).toString('base64')}`

describe('Killing the plugin server', function () {
  this.timeout(120_000)

  let redis: PrivateRedis
  let receiver: Receiver
  let slots: Life[]
  let ending: boolean

  before(async () => {
    redis = await PrivateRedis.start(['--appendonly', 'yes', '--appendfsync', 'always'])
    receiver = await Receiver.start()
    ending = false
  })

  after(async () => {
    ending = true
    await Promise.all(slots.map((life) => life.stop()))
    await receiver.stop()
    await redis.stop()
  })

  it(`${KILLS} times under load, with ${REDIS_RESTARTS} restarts of Redis and a receiver that fails 30 %, loses and invents no alert`, async () => {
    const started = performance.now()
    const accepted: string[] = []
    let calls = 0
    receiver.answer = (response, { headers, body }) => {
      calls++
      new Webhook(SECRET).verify(body, headers as Record<string, string>)
      const luck = Math.random()
      if (luck < 0.1) return void response.socket?.destroy()
      if (luck < 0.29) return void response.writeHead(500).end('broken')
      // Hangs: the attempt ends by its time-out.
      if (luck < 0.3) return
      accepted.push(String(headers['webhook-id']))
      response.writeHead(204).end()
    }
    const config = {
      __plugin_id: 'faults',
      alert_threshold: THRESHOLDS[0],
      alert_thresholds: THRESHOLDS.slice(1),
      alert_webhook: receiver.url,
      webhook: { secrets: [SECRET], timeout: 1000, allow_private_networks: true, format: 'json' },
    }
    const newLife = () => Life.start(redis.port, config, SCHEDULE)
    slots = await Promise.all(Array.from({ length: SERVERS }, newLife))

    const accounts: Account[] = []
    const newAccount = (): Account => {
      const account = { keyId: `fault-${accounts.length}`, certain: 0, unknown: 0 }
      accounts.push(account)
      return account
    }
    const isBelow = (account: Account) => accounts.indexOf(account) % BELOW === 0
    const workers = Array.from({ length: SERVERS * CONNECTIONS }, async (_, i) => {
      while (!ending) {
        const account = newAccount()
        const requests = isBelow(account) ? 2 : Number.POSITIVE_INFINITY
        for (let sent = 0; sent < requests && !(account.certain >= 250); ) {
          const life = slots[i % SERVERS]
          if (life === undefined || life.over) {
            await new Promise((wake) => setTimeout(wake, 10))
            continue
          }
          try {
            const caller = await life.connect()
            for (; sent < requests && !(account.certain >= 250); sent++) {
              await caller.spend(account, TOKENS)
              await new Promise((wake) => setTimeout(wake, PAUSE))
            }
          } catch {
            // Killed in the middle of it: the life has taken down that the outcome is unknown.
            sent++
          }
        }
      }
    })

    const restart = async () => {
      await redis.halt(Math.random() < 0.5 ? 'SIGKILL' : 'SIGTERM')
      await new Promise((wake) => setTimeout(wake, 200 * Math.random()))
      await redis.resume()
    }
    let kills = 0
    const killer = async (slot: number) => {
      for (let i = 0; i < KILLS / SERVERS; i++) {
        // The next one is ready before this one is killed, so that the load never pauses.
        const next = await newLife()
        await new Promise((wake) => setTimeout(wake, 300 * Math.random()))
        const killed = slots[slot]?.kill()
        slots[slot] = next
        await killed
        kills++
      }
    }
    const restarter = async () => {
      for (let i = 0; i < REDIS_RESTARTS; i++) {
        await until('the next restart', () => kills >= ((i + 0.5) * KILLS) / REDIS_RESTARTS, 60_000)
        await restart()
      }
    }
    await Promise.all([...slots.keys()].map(killer).concat(restarter()))
    ending = true
    await Promise.all(workers)
    for (const life of slots) {
      const { confirm } = await life.connect()
      await until('a confirmation of everything', confirm)
    }
    const settled = performance.now()

    const client = new Redis(redis.port)
    const generations = await Promise.all(
      Array.from({ length: PARTITIONS }, (_, partition) => client.hget(schemaName(partition), 'generation')),
    )
    const generationOf = (keyId: string) => generations[partitionOf(keyId)] ?? ''
    const expected = new Set(
      accounts.flatMap((account) =>
        crossedBy(account, THRESHOLDS).map((at) => alertId(generationOf(account.keyId), account.keyId, at)),
      ),
    )
    expect(accounts.every((account) => isExact(account, THRESHOLDS))).to.equal(true)
    await until('every alert', () => [...expected].every((id) => accepted.includes(id)), 60_000)
    await until('an empty outbox', async () => {
      const { outbox, alerts, retry } = await everything(client)
      return outbox + alerts + retry === 0
    })
    const { dead } = await everything(client)
    const totals = await Promise.all(
      accounts.map(({ keyId }) => client.get(totalName(keyId, 'total')).then(Number)),
    )
    client.disconnect()

    const received = new Set(accepted)
    const sum = (amounts: number[]) => amounts.reduce((all, one) => all + one, 0)
    process.stdout.write(
      [
        `keys ${accounts.length}, tokens: certain ${sum(accounts.map(({ certain }) => certain))}, in Redis ${sum(totals)},`,
        `  at most ${sum(accounts.map(({ certain, unknown }) => certain + unknown))}`,
        `alerts: expected ${expected.size}, received ${received.size}, duplicates by id ${accepted.length - received.size}, dead ${dead}`,
        `webhook calls ${calls}, failed ${calls - accepted.length}`,
        `load ${Math.round(settled - started)} ms, all ${Math.round(performance.now() - started)} ms\n`,
      ]
        .map((line) => `      ${line}`)
        .join('\n'),
    )
    expect([...received].sort()).to.deep.equal([...expected].sort())
    expect(receiver.ids).to.deep.equal(received)
    expect(dead).to.equal(0)
    for (const [i, { certain, unknown }] of accounts.entries())
      expect(totals[i]).to.be.within(certain, certain + unknown)
  })
})
