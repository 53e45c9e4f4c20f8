import { expect } from 'chai'
import { Redis } from 'ioredis'
import { PrivateRedis } from '../../../../dev/redis.ts'
import { CounterSnapshots } from '../../../../plugins/virtual-key/metering/counter-snapshots.ts'
import {
  newProcessId,
  type SettleResult,
  UsageSettler,
} from '../../../../plugins/virtual-key/metering/usage-settler.ts'
import type { Claim } from '../../../../plugins/virtual-key/outbox/claim.ts'
import { type Window, windowAt } from '../../../../plugins/virtual-key/policy/window.ts'
import { partitionOf, schemaName, totalName } from '../../../../plugins/virtual-key/redis/names.ts'
import { lineLog } from '../../../../plugins/virtual-key/telemetry/log.ts'
import { Metrics } from '../../../../plugins/virtual-key/telemetry/metrics.ts'
import { type Connected, connected } from '../../../support/connection.ts'
import { PrivateCluster } from '../../../support/private-cluster.ts'
import { until } from '../../../support/until.ts'
import { keyNames, usageRecord } from '../../../support/usage-record.ts'

const THRESHOLDS = [100, 200, 300]

/** A gateway's process, as far as it counts. */
class Gateway {
  readonly connection: Connected
  readonly settler: UsageSettler
  readonly claims: Claim[] = []
  readonly lines: string[] = []

  constructor(connection: Connected) {
    this.connection = connection
    this.settler = new UsageSettler({
      link: connection.link,
      processId: newProcessId(),
      known: new CounterSnapshots(),
      metrics: new Metrics(),
      log: lineLog((line) => this.lines.push(line)),
      deliver: (claims) => this.claims.push(...claims),
    })
  }

  spend(key: string, tokens: number, window?: Window): Promise<SettleResult> {
    const own = { thresholds: THRESHOLDS, ...(window === undefined ? {} : { window }) }
    return this.settler.settle({ ...usageRecord(key, tokens, own), service: 'openai' }, async () => 'openai')
  }

  /** Thresholds of the alerts that it has to deliver, and their ids. */
  get alerts(): Array<readonly [threshold: number, id: string]> {
    return this.claims.map(({ id, record }) => [JSON.parse(record?.payload ?? '').threshold, id] as const)
  }

  async stop(): Promise<void> {
    await this.settler.stop(0)
    this.connection.redis.disconnect()
  }
}

describe('Data that Redis has lost', function () {
  this.timeout(60_000)

  let server: PrivateRedis
  let plain: Redis
  let one: Gateway
  let other: Gateway
  const newKey = keyNames('lost')

  beforeEach(async () => {
    server = await PrivateRedis.start()
    plain = new Redis(server.port, { retryStrategy: () => 20 })
    plain.on('error', () => undefined)
    one = new Gateway(await connected(server.port))
    other = new Gateway(await connected(server.port))
  })

  afterEach(async () => {
    await one?.stop()
    await other?.stop()
    plain?.disconnect()
    await server?.stop()
  })

  const total = async (key: string, label = 'total') => Number(await plain.get(totalName(key, label)))
  const empty = async () =>
    until('the end of waiting', () => one.settler.waiting + other.settler.waiting === 0)

  /** Both gateways lose their connection and have a new one. */
  const reconnect = async () => {
    const connected = [one, other].map(
      ({ connection }) => new Promise((ready) => connection.redis.once('ready', () => ready(true))),
    )
    await plain.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await Promise.all(connected)
  }

  const day = windowAt('day', Date.now())
  for (const window of [undefined, day])
    for (const [first, what] of [
      ['other', 'who saw least'],
      ['one', 'who saw most'],
    ] as const) {
      it(`two gateways, window ${window?.kind ?? 'total'}, after a flush ${what} settles first: no old threshold fires again`, async () => {
        const key = newKey()
        await other.spend(key, 50, window)
        await one.spend(key, 100, window)
        expect(one.alerts.map(([threshold]) => threshold)).to.deep.equal([100])
        const before = one.alerts[0]?.[1]
        await plain.flushall()
        // 50 and 60 would cross 100; 150 and 60 cross 200.
        const [early, late] = first === 'other' ? [other, one] : [one, other]
        await early.spend(key, 60, window)
        await late.spend(key, 1, window)
        await empty()
        await until('what both have spent', async () => (await total(key, window?.label)) >= 210)
        expect(await total(key, window?.label)).to.equal(211)
        const after = [...one.alerts.slice(1), ...other.alerts]
        expect(after.map(([threshold]) => threshold)).to.deep.equal([200])
        expect(after[0]?.[1]).not.to.equal(before)
        expect([...one.lines, ...other.lines].join('\n')).to.include('Redis has lost data')
      })
    }

  it('a crossing is late by no more than the grace, and what does not cross is not held up', async () => {
    const key = newKey()
    await one.spend(key, 150)
    await plain.flushall()
    expect(await one.spend(key, 1)).to.include({ state: 'settled', total: 151 })
    const began = performance.now()
    expect((await one.spend(key, 50)).state).to.equal('waiting')
    await empty()
    expect(performance.now() - began).to.be.below(8000)
    expect(one.alerts.map(([threshold]) => threshold)).to.deep.equal([100, 200])
    expect((await one.spend(key, 100)).state).to.equal('settled')
  })

  it('a Redis without data in the place of the old one: each gateway tells it what it knows when it is connected', async () => {
    const key = newKey()
    await one.spend(key, 150)
    await server.halt()
    await server.resume()
    await until('the counter', async () => (await total(key)) === 150)
    expect(await plain.hget(schemaName(partitionOf(key)), 'generation')).to.be.a('string')
  })

  it('older data in the place of the newest: the counter is put back, and another gateway does not cross what was crossed', async () => {
    const key = newKey()
    await other.spend(key, 50)
    await one.spend(key, 100)
    await plain.set(totalName(key, 'total'), 50)
    await reconnect()
    await until('the counter', async () => (await total(key)) === 150)
    await other.spend(key, 60)
    await empty()
    expect([...one.alerts, ...other.alerts].map(([threshold]) => threshold)).to.deep.equal([100, 200])
    expect(one.lines.join('\n')).to.include('Redis has lost its newest data')
    // Crossings waited until every gateway had told what it saw.
    expect(await plain.hget(schemaName(partitionOf(key)), 'lost')).to.be.a('string')
  })

  it('a Redis that is empty and read-only: that counters cannot be put back is one line, however often it is tried', async () => {
    const keys = Array.from({ length: 20 }, newKey)
    for (const key of keys) await one.spend(key, 10)
    await plain.flushall()
    await plain.replicaof('127.0.0.1', 1)
    const told = () => one.lines.filter((line) => /put back|putting counters back/.test(line))
    await until('a line', () => told().length > 0, 20_000)
    await one.spend(keys[0] ?? '', 10)
    await until(
      'the next connections',
      async () => {
        const info = await plain.info('stats')
        return Number(/total_connections_received:(\d+)/.exec(info)?.[1]) > 15
      },
      20_000,
    )
    expect(told()).to.have.length(1)
    expect(told()[0]).to.match(/error: putting counters back, .*: failing for \d+ s: READONLY/)
    await plain.replicaof('NO', 'ONE')
    await until(
      'the counters',
      async () => (await total(keys[0] ?? '')) === 20 && (await total(keys[1] ?? '')) === 10,
    )
    await until('the line that it is over', () =>
      one.lines.some((line) => /putting .*: works again/.test(line)),
    )
  })

  it('older data on one node of a cluster: the counter is put back with the next connection to that node', async () => {
    const cluster = await PrivateCluster.start()
    const { cluster_nodes } = cluster
    const gateways = [0, 1].map(async () => new Gateway(await connected(0, { cluster_nodes })))
    const [less, most] = (await Promise.all(gateways)) as [Gateway, Gateway]
    const nodes = cluster.nodes.map(({ port }) => new Redis(port))
    try {
      const key = newKey()
      await less.spend(key, 50)
      await most.spend(key, 100)
      const name = totalName(key, 'total')
      const set = await Promise.allSettled(nodes.map((node) => node.set(name, 50)))
      const node = nodes[set.findIndex(({ status }) => status === 'fulfilled')]
      await node?.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
      await until('the counter', async () => (await node?.get(name)) === '150')
      await less.spend(key, 60)
      await until('the end of waiting', () => less.settler.waiting + most.settler.waiting === 0)
      expect([...most.alerts, ...less.alerts].map(([threshold]) => threshold)).to.deep.equal([100, 200])
    } finally {
      for (const one of nodes) one.disconnect()
      await Promise.all([less.stop(), most.stop()])
      await cluster.stop()
    }
  })

  it('what an operator has reset is not put back', async () => {
    const key = newKey()
    await one.spend(key, 90)
    await plain.hincrby(`vk:{${partitionOf(key)}}:key:${key}`, 'epoch', 1)
    await plain.del(totalName(key, 'total'))
    await reconnect()
    expect(await one.spend(key, 10)).to.include({ state: 'settled', previous: 0, total: 10 })
  })
})
