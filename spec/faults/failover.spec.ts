import { expect } from 'chai'
import { Redis } from 'ioredis'
import { totalName } from '../../plugins/virtual-key/redis/names.ts'
import { PLAIN_CONFIG } from '../support/plain-config.ts'
import { PrivateSentinels } from '../support/private-sentinels.ts'
import { Receiver } from '../support/receiver.ts'
import { until } from '../support/until.ts'
import type { Account } from './bookkeeping.ts'
import { type Caller, Life } from './life.ts'

const THRESHOLDS = [100, 250]
const TOKENS = 40
const SERVERS = 2
const CALLERS = 4
/** Between two requests of a caller. Unit: milliseconds. */
const PAUSE = 5
/** Keys that begin after the last failover, so that it is seen to work again. */
const KEYS_AFTER = 20

/**
 * Plugin servers that ask three real sentinels for their Redis, under load, while the master changes. Replication is asynchronous, so
 * what the old master acknowledged and had not passed on is lost in Redis; the plugin servers still know it.
 */
describe('Failover by sentinels', function () {
  this.timeout(180_000)

  let sentinels: PrivateSentinels
  let receiver: Receiver
  let lives: Life[]
  let accounts: Account[]
  let ending: boolean
  let workers: Promise<void>[]

  beforeEach(async () => {
    sentinels = await PrivateSentinels.start(['--repl-diskless-sync-delay', '0'])
    receiver = await Receiver.start()
    receiver.answer = (response) => response.writeHead(204).end()
    const config = {
      __plugin_id: 'failover',
      alert_threshold: THRESHOLDS[0],
      alert_thresholds: THRESHOLDS.slice(1),
      alert_webhook: receiver.url,
      webhook: { ...PLAIN_CONFIG.webhook, allow_private_networks: true },
      redis: { ...PLAIN_CONFIG.redis, timeout: 1000, ...sentinels.config },
    }
    lives = await Promise.all(Array.from({ length: SERVERS }, () => Life.start(0, config, '200ms,1s,1s,5s')))
    accounts = []
    ending = false
    const callers = await Promise.all(
      Array.from({ length: SERVERS * CALLERS }, (_, i) => (lives[i % SERVERS] as Life).connect()),
    )
    workers = callers.map(spendUntilTheEnd)
  })

  afterEach(async () => {
    ending = true
    await Promise.all(workers)
    await Promise.all(lives.map((life) => life.stop()))
    await receiver.stop()
    await sentinels.stop()
  })

  /** One key after the other, each until it has crossed every threshold. */
  async function spendUntilTheEnd(caller: Caller): Promise<void> {
    while (!ending) {
      const account = { keyId: `failover-${accounts.length}`, certain: 0, unknown: 0 }
      accounts.push(account)
      let sent = 0
      while (sent < Math.max(...THRESHOLDS)) {
        await caller.spend(account, TOKENS)
        sent += TOKENS
        await new Promise((wake) => setTimeout(wake, PAUSE))
      }
    }
  }

  /**
   * Lets the load go on until new keys have crossed everything on the new master, then looks at what arrived.
   * @param kept share of the tokens that the new master has at least
   */
  async function judge(kept: number): Promise<void> {
    const before = accounts.length
    await until('keys after the failover', () => accounts.length >= before + KEYS_AFTER, 60_000)
    ending = true
    await Promise.all(workers)
    for (const life of lives) {
      const { confirm } = await life.connect()
      await until('a confirmation of everything', confirm, 30_000)
    }
    const expected = accounts.flatMap(({ keyId }) => THRESHOLDS.map((at) => `${keyId} ${at}`)).sort()
    const deliveries = () =>
      receiver.received.map(({ body }) => {
        const { key_id, threshold } = JSON.parse(body) as { key_id: string; threshold: number }
        return `${key_id} ${threshold}`
      })
    await until('every alert', () => new Set(deliveries()).size >= expected.length, 60_000)
    const client = new Redis((await sentinels.master()).port)
    const totals = await Promise.all(accounts.map(({ keyId }) => client.get(totalName(keyId, 'total'))))
    client.disconnect()
    const spent = accounts.reduce((sum, { certain }) => sum + certain, 0)
    const counted = totals.reduce((sum, total) => sum + Number(total), 0)
    const ids = new Set(receiver.received.map(({ headers }) => headers['webhook-id']))
    process.stdout.write(
      `      keys ${accounts.length}, tokens spent ${spent}, in the new master ${counted}; ` +
        `alerts expected ${expected.length}, received ${new Set(deliveries()).size}, ` +
        `repeated under their id ${receiver.received.length - ids.size}\n`,
    )
    expect([...new Set(deliveries())].sort()).to.deep.equal(expected)
    // A crossing keeps its webhook-id, so that a receiver can tell a repetition.
    expect(ids.size).to.equal(expected.length)
    // Nothing is counted twice. What only the old master had of a key that spends no more is lost.
    expect(counted).to.be.at.most(spent)
    expect(counted).to.be.at.least(spent * kept)
  }

  it('ordered under load: no alert is lost, and none comes under a second id', async () => {
    await until('load', () => accounts.length > 20)
    for (let i = 0; i < 2; i++) {
      const old = await sentinels.master()
      // Sentinels refuse until the one before is done with.
      await until(
        'the order',
        () =>
          sentinels.failOver().then(
            () => true,
            () => false,
          ),
        30_000,
      )
      await until('another master', async () => (await sentinels.master()) !== old, 30_000)
    }
    await judge(0.95)
  })

  it('of a master that is killed under load: no alert is lost, and none comes under a second id', async () => {
    await until('load', () => accounts.length > 20)
    const old = await sentinels.master()
    await old.halt('SIGKILL')
    await until('another master', async () => (await sentinels.master()) !== old, 30_000)
    await judge(0.95)
  })

  it('of a master that hangs: what it had not passed on waits, and is settled by the new one', async () => {
    await until('load', () => accounts.length > 20)
    const old = await sentinels.master()
    old.freeze()
    try {
      await until('another master', async () => (await sentinels.master()) !== old, 30_000)
      await judge(0.95)
    } finally {
      old.thaw()
    }
  })
})
