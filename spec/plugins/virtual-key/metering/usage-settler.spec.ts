import { expect } from 'chai'
import { Redis } from 'ioredis'
import { PrivateRedis } from '../../../../dev/redis.ts'
import { CounterSnapshots } from '../../../../plugins/virtual-key/metering/counter-snapshots.ts'
import { MOST_WAITING } from '../../../../plugins/virtual-key/metering/usage-queue.ts'
import { newProcessId, UsageSettler } from '../../../../plugins/virtual-key/metering/usage-settler.ts'
import type { Claim } from '../../../../plugins/virtual-key/outbox/claim.ts'
import { isFinal } from '../../../../plugins/virtual-key/redis/final.ts'
import { totalName } from '../../../../plugins/virtual-key/redis/names.ts'
import { lineLog } from '../../../../plugins/virtual-key/telemetry/log.ts'
import { Metrics } from '../../../../plugins/virtual-key/telemetry/metrics.ts'
import { type Connected, connected } from '../../../support/connection.ts'
import { PrivateCluster } from '../../../support/private-cluster.ts'
import { SwallowingProxy } from '../../../support/swallowing-proxy.ts'
import { until } from '../../../support/until.ts'
import { keyNames, usageRecord } from '../../../support/usage-record.ts'

describe('The settling of usage records', function () {
  this.timeout(60_000)

  let server: PrivateRedis
  let proxy: SwallowingProxy
  let plain: Redis
  let connection: Connected
  let settler: UsageSettler
  let metrics: Metrics
  let lines: string[]
  let delivered: Claim[]

  const newKey = keyNames('queue')

  beforeEach(async () => {
    server = await PrivateRedis.start(['--appendonly', 'yes', '--appendfsync', 'always'])
    proxy = await SwallowingProxy.start(server.port)
    plain = new Redis(server.port, { retryStrategy: () => 20 })
    plain.on('error', () => undefined)
    connection = await connected(proxy.port, { timeout: 500 })
    metrics = new Metrics()
    lines = []
    delivered = []
    settler = new UsageSettler({
      link: connection.link,
      processId: newProcessId(),
      known: new CounterSnapshots(),
      metrics,
      log: lineLog((line) => lines.push(line)),
      deliver: (claims) => delivered.push(...claims),
    })
  })

  afterEach(async () => {
    await settler.stop(0)
    connection.redis.disconnect()
    plain.disconnect()
    await proxy.stop()
    await server.stop()
  })

  const spend = (key: string, tokens: number, own: Parameters<typeof usageRecord>[2] = {}) =>
    settler.settle({ ...usageRecord(key, tokens, own), service: 'openai' }, async () => 'asked')
  const total = async (key: string) => Number(await plain.get(totalName(key, 'total')))
  const away = () => until('the loss of Redis', async () => !(await settler.available()))
  const empty = () => until('an empty queue', () => settler.waiting === 0)

  it('applies, in order and once, what came while Redis was away, and says so', async () => {
    const key = newKey()
    await spend(key, 1)
    await server.halt()
    await away()
    for (let tokens = 2; tokens <= 20; tokens++)
      expect(await spend(key, tokens, { thresholds: [10, 100, 200] })).to.include({ state: 'waiting' })
    expect(settler.waiting).to.equal(19)
    expect(metrics.get('queued')).to.equal(19)
    expect(lines.filter((line) => line.includes('usage records wait'))).to.have.length(1)
    await server.resume()
    await empty()
    expect(await total(key)).to.equal(210)
    // In order: 1+2+3+4 meets 10; 1+…+14 passes 100 at 105; 1+…+20 passes 200 at 210.
    expect(delivered.map(({ record }) => JSON.parse(record?.payload ?? '').total_tokens)).to.deep.equal([
      10, 105, 210,
    ])
    expect(lines.some((line) => line.includes('no usage record waits any more'))).to.equal(true)
    expect(await settler.available()).to.equal(true)
  })

  it('loses no token and no alert of 40 keys under load while Redis is killed and comes back three times', async () => {
    const keys = Array.from({ length: 40 }, newKey)
    let spending = true
    const spent = new Map(keys.map((key) => [key, 0]))
    const clients = keys.map(async (key) => {
      while (spending) {
        const { state } = await spend(key, 3)
        expect(state).to.be.oneOf(['settled', 'waiting', 'duplicate'])
        spent.set(key, (spent.get(key) ?? 0) + 3)
        await new Promise((wake) => setTimeout(wake, 20))
      }
    })
    for (let outage = 0; outage < 3; outage++) {
      await until('some load', () => metrics.get('settled') > outage * 500 + 200)
      await server.halt('SIGKILL')
      await until('a queue', () => settler.waiting > 200)
      await server.resume()
    }
    await until('every crossing', () => [...spent.values()].every((tokens) => tokens > 102))
    spending = false
    await Promise.all(clients)
    await empty()
    for (const key of keys) expect(await total(key)).to.equal(spent.get(key))
    // One alert each: at the multiple of 3 that passes 100.
    expect(new Set(delivered.map(({ id }) => id)).size).to.equal(40)
    expect(delivered.every(({ record }) => JSON.parse(record?.payload ?? '').total_tokens === 102)).to.equal(
      true,
    )
    expect(metrics.get('uncounted_dropped')).to.equal(0)
  })

  it('counts once a usage record whose reply was lost, and delivers the alert that the reply named', async () => {
    const key = newKey()
    await spend(key, 90)
    proxy.swallow = true
    const lost = spend(key, 11)
    await until('the total behind the lost reply', async () => (await total(key)) === 101)
    expect(await lost).to.include({ state: 'waiting' })
    proxy.swallow = false
    proxy.cut()
    await empty()
    expect(await total(key)).to.equal(101)
    expect(delivered).to.have.length(1)
    expect(metrics.get('duplicates')).to.be.at.least(1)
    expect(metrics.get('tokens')).to.equal(101)
  })

  it('the counter of tokens holds what was added: of an answer that is fetched again nothing', async () => {
    const key = newKey()
    for (const tokens of [30, 50, 50]) await spend(key, tokens, { answer: 'resp_1' })
    expect(Number(await plain.get(totalName(key, 'total')))).to.equal(50)
    expect(metrics.get('tokens')).to.equal(50)
  })

  it('finds its way back from a host that vanished without closing anything', async () => {
    const key = newKey()
    await spend(key, 1)
    proxy.hung = true
    const started = performance.now()
    expect(await spend(key, 1)).to.include({ state: 'waiting' })
    await away()
    expect(performance.now() - started).to.be.below(15_000)
    proxy.hung = false
    await empty()
    expect(await total(key)).to.equal(2)
  })

  it('waits out a frozen Redis with one time-out at most, and counts once what ran when it thawed', async () => {
    const key = newKey()
    await spend(key, 1)
    server.freeze()
    await spend(key, 1)
    const started = performance.now()
    for (let i = 0; i < 50; i++) await spend(key, 1)
    expect(performance.now() - started).to.be.below(5000)
    expect(await settler.available()).to.equal(false)
    server.thaw()
    await empty()
    expect(await total(key)).to.equal(52)
  })

  it('tells at once that Redis is away (fault_tolerant: false)', async () => {
    await spend(newKey(), 1)
    await server.halt()
    await away()
    const started = performance.now()
    for (let i = 0; i < 100; i++) expect(await settler.available()).to.equal(false)
    expect(performance.now() - started).to.be.below(5000)
  })

  it('keeps at most 10,000, and what finds no room is counted and said, not line by line', async () => {
    await server.halt()
    await away()
    const keys = Array.from({ length: 20 }, newKey)
    for (let i = 0; i < MOST_WAITING; i++) await spend(keys[i % 20] ?? '', 1)
    const results = await Promise.all(Array.from({ length: 500 }, () => spend(keys[0] ?? '', 7)))
    expect(results.every(({ state }) => state === 'dropped')).to.equal(true)
    expect(settler.waiting).to.equal(MOST_WAITING)
    expect(metrics.get('uncounted_dropped')).to.equal(500)
    const said = () => lines.filter((line) => line.includes('lost'))
    await until('the summary', () =>
      said().some((line) => line.includes('499 further usage records, 3493 tokens')),
    )
    expect(said()).to.have.length(2)
    await server.resume()
    await empty()
    const totals = await Promise.all(keys.map(total))
    expect(totals).to.deep.equal(keys.map(() => MOST_WAITING / 20))
  })

  it('gives up what Redis refuses for good, and the others go on', async () => {
    const [bad, good] = [newKey(), newKey()]
    await plain.rpush(totalName(bad, 'total'), 'x')
    const result = await spend(bad, 5)
    expect(result.state).to.equal('dropped')
    expect(metrics.get('uncounted_dropped')).to.equal(1)
    await server.halt()
    await away()
    await spend(bad, 5)
    await spend(good, 5)
    await server.resume()
    await empty()
    expect(await total(good)).to.equal(5)
    expect(metrics.get('uncounted_dropped')).to.equal(2)
  })

  it('keeps waiting while Redis has no memory, and goes on when it has', async () => {
    const key = newKey()
    await plain.config('SET', 'maxmemory', '1')
    expect(await spend(key, 5)).to.include({ state: 'waiting' })
    await plain.config('SET', 'maxmemory', '0')
    await empty()
    expect(await total(key)).to.equal(5)
  })

  it('asks for the service only before a crossing or where it has to wait, and counts where nobody can tell it', async () => {
    const key = newKey()
    let asked = 0
    const label = async () => {
      asked++
      throw new Error('no service')
    }
    await settler.settle(usageRecord(key, 99), label)
    expect(asked).to.equal(0)
    expect(await settler.settle(usageRecord(key, 1), label)).to.include({
      state: 'settled',
      total: 100,
    })
    expect(asked).to.equal(1)
    expect(JSON.parse(delivered[0]?.record?.payload ?? '').service).to.equal('')
  })

  it('does not fire old thresholds again after a flush', async () => {
    const key = newKey()
    await spend(key, 150)
    await plain.flushall()
    await spend(key, 10)
    // It waits where Redis, on a busy machine, answers late.
    await until('the usage record', async () => (await total(key)) === 160)
    expect(delivered).to.have.length(1)
  })

  it('when it stops: settles what it can in time, and says what is lost', async () => {
    const key = newKey()
    await server.halt()
    await away()
    await spend(key, 5)
    const stopping = settler.stop(10_000)
    await server.resume()
    await stopping
    expect(await total(key)).to.equal(5)
    expect((await spend(newKey(), 1)).state).to.equal('settled')
    await server.halt()
    await away()
    expect((await spend(key, 5)).state).to.equal('dropped')
  })
})

describe('The settling of usage records on a Redis Cluster', function () {
  this.timeout(60_000)

  it('lets a node that is away hold up its own keys only, and loses nothing', async () => {
    const cluster = await PrivateCluster.start()
    const { link, redis } = await connected(0, { cluster_nodes: cluster.cluster_nodes, timeout: 500 })
    const settler = new UsageSettler({
      link,
      processId: newProcessId(),
      known: new CounterSnapshots(),
      metrics: new Metrics(),
      log: lineLog(() => undefined),
      deliver: () => undefined,
    })
    try {
      const keys = Array.from({ length: 60 }, keyNames('cluster'))
      const spendAll = () =>
        Promise.all(
          keys.map((key) => settler.settle({ ...usageRecord(key, 7), service: 'openai' }, async () => '')),
        )
      expect((await spendAll()).every(({ state }) => state === 'settled')).to.equal(true)
      await cluster.nodes[1]?.halt()
      await spendAll()
      const states = (await spendAll()).map(({ state }) => state)
      expect(states).to.include('settled').and.to.include('waiting')
      await cluster.nodes[1]?.resume()
      await until('an empty queue', () => settler.waiting === 0)
      for (const key of keys) expect(await redis.get(totalName(key, 'total'))).to.equal('21')
    } finally {
      await settler.stop(0)
      redis.disconnect()
      await cluster.stop()
    }
  })
})

describe('KnownTotals', () => {
  it('never goes back, but to a later epoch', () => {
    const known = new CounterSnapshots()
    known.set('a', { keyId: 'a', epoch: 0, total: 10 })
    known.set('a', { keyId: 'a', epoch: 0, total: 5 })
    expect(known.get('a')).to.deep.equal({ keyId: 'a', epoch: 0, total: 10 })
    known.set('a', { keyId: 'a', epoch: 1, total: 5 })
    known.set('a', { keyId: 'a', epoch: 0, total: 500 })
    expect(known.get('a')).to.deep.equal({ keyId: 'a', epoch: 1, total: 5 })
  })

  it('forgets the counters used least recently', () => {
    const known = new CounterSnapshots()
    for (let i = 0; i < 10_000; i++) known.set(`k${i}`, { keyId: 'a', epoch: 0, total: i })
    known.set('k0', { keyId: 'a', epoch: 0, total: 1 })
    known.set('new', { keyId: 'a', epoch: 0, total: 1 })
    expect(known.get('k0')).not.to.equal(undefined)
    expect(known.get('k1')).to.equal(undefined)
  })
})

describe('isFinal', () => {
  const reply = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' })
  const cases: ReadonlyArray<readonly [boolean, string]> = [
    [
      true,
      'WRONGTYPE Operation against a key holding the wrong kind of value script: 1a, on @user_script:5.',
    ],
    [true, 'ERR Error running script (call to f_1a): @user_script:12: WRONGTYPE Operation against a key'],
    [true, 'ERR value is not an integer or out of range script: 1a, on @user_script:40.'],
    [false, 'OOM command not allowed when used memory > maxmemory script: 1a, on @user_script:9.'],
    [
      false,
      'ERR Error running script (call to f_1a): @user_script:9: -OOM command not allowed when used memory',
    ],
    [false, 'ERR Error running script (call to f_1a): Script killed by user with SCRIPT KILL'],
    [true, 'ERR user_script:1: attempt to compare nil with number script: 1a, on @user_script:1.'],
    [
      false,
      "ERR The user executing the script can't run this command or subcommand script: 1a, on @user_script:1.",
    ],
    [
      false,
      "ERR The user executing the script can't access at least one of the keys mentioned in the command arguments script: 1a",
    ],
    [
      false,
      "ERR Error running script (call to f_1a): @user_script:9: @user_script: 9: -READONLY You can't write against a read only replica.",
    ],
    [
      false,
      'ERR Error running script (call to f_1a): @user_script: 9: Unknown Redis command called from Lua script',
    ],
    [false, 'NOREPLICAS Not enough good replicas to write. script: 1a, on @user_script:1.'],
    [
      false,
      'MISCONF Redis is configured to save RDB snapshots, but it is currently not able to persist on disk.',
    ],
    [false, "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."],
    [false, 'TRYAGAIN Multiple keys request during rehashing of slot'],
    [false, 'CLUSTERDOWN Hash slot not served'],
    [false, 'UNKILLABLE Sorry the script already executed write commands against the dataset.'],
    [false, 'ERR max number of clients reached'],
    [false, 'READONLY You can’t write against a read only replica.'],
    [false, 'LOADING Redis is loading the dataset in memory'],
    [false, 'NOPERM this user has no permissions to access one of the keys'],
    [false, 'BUSY Redis is busy running a script. You can only call SCRIPT KILL'],
  ]
  for (const [final, message] of cases) {
    it(`${final ? 'gives up after' : 'tries again after'} ${message.slice(0, 60)}`, () => {
      expect(isFinal(reply(message))).to.equal(final)
    })
  }

  it('tries again after what is no reply', () => {
    expect(isFinal(new Error('WRONGTYPE script'))).to.equal(false)
  })
})
