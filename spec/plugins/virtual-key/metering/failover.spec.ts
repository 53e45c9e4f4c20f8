import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { Redis } from 'ioredis'
import { PrivateRedis } from '../../../../dev/redis.ts'
import { Admissions } from '../../../../plugins/virtual-key/admission/admissions.ts'
import { CounterSnapshots } from '../../../../plugins/virtual-key/metering/counter-snapshots.ts'
import { newProcessId, UsageSettler } from '../../../../plugins/virtual-key/metering/usage-settler.ts'
import type { Claim } from '../../../../plugins/virtual-key/outbox/claim.ts'
import { reservedName, totalName } from '../../../../plugins/virtual-key/redis/names.ts'
import { lineLog } from '../../../../plugins/virtual-key/telemetry/log.ts'
import { Metrics } from '../../../../plugins/virtual-key/telemetry/metrics.ts'
import { type Connected, connected } from '../../../support/connection.ts'
import { PrivateCluster } from '../../../support/private-cluster.ts'
import { SwallowingProxy } from '../../../support/swallowing-proxy.ts'
import { until } from '../../../support/until.ts'
import { keyNames, policy, usageRecord } from '../../../support/usage-record.ts'

/** Gateways that keep a connection to a server which stopped being the master must find the new one, and not storm the old one. */
describe('A failover behind the same address', function () {
  this.timeout(60_000)

  let one: PrivateRedis
  let other: PrivateRedis
  let proxy: SwallowingProxy
  let connection: Connected
  let settler: UsageSettler
  let admissions: Admissions
  let metrics: Metrics
  let delivered: Claim[]
  let clients: Redis[]
  const newKey = keyNames('failover')

  const client = (server: PrivateRedis): Redis => {
    const made = new Redis(server.port)
    made.on('error', () => undefined)
    clients.push(made)
    return made
  }

  beforeEach(async () => {
    clients = []
    one = await PrivateRedis.start(['--repl-diskless-sync-delay', '0'])
    other = await PrivateRedis.start(['--replicaof', '127.0.0.1', String(one.port)])
    await until('the replica', async () => (await client(one).info('replication')).includes('state=online'))
    proxy = await SwallowingProxy.start(one.port)
    connection = await connected(proxy.port)
    metrics = new Metrics()
    delivered = []
    const shared = {
      link: connection.link,
      processId: newProcessId(),
      known: new CounterSnapshots(),
      deliver: (claims: readonly Claim[]) => delivered.push(...claims),
    }
    settler = new UsageSettler({ ...shared, metrics, log: lineLog(() => undefined) })
    admissions = new Admissions(shared)
  })

  afterEach(async () => {
    await settler.stop(0)
    connection.redis.disconnect()
    for (const made of clients) made.disconnect()
    await proxy.stop()
    await other.stop()
    await one.stop()
  })

  const spend = (key: string, tokens: number) =>
    settler.settle({ ...usageRecord(key, tokens), service: 'openai' }, async () => 'asked')

  const ask = (keyId: string, reservation = admissions.newReservation(10)) => {
    const request = { denyUnknown: false, reservation, alert: { key_id: keyId, timestamp: '' } }
    return admissions.decide(
      { ...policy(keyId, { budget: 1000 }), ...request },
      async () => 'read',
      async () => '',
    )
  }

  const reserve = async (keyId: string) => {
    const reservation = admissions.newReservation(10)
    expect(await ask(keyId, reservation)).to.include({ state: 'admitted' })
    return reservation
  }

  /** The old master stays up, read-only, and every connection to it with it. */
  const failOver = async () => {
    await client(one).call('FAILOVER', 'TO', '127.0.0.1', String(other.port))
    await until('the new master', async () =>
      (await client(other).info('replication')).includes('role:master'),
    )
  }

  it('settles once, in order, what waited, and serves again within about a second', async () => {
    const keys = Array.from({ length: 20 }, newKey)
    let spending = true
    const spent = new Map(keys.map((key) => [key, 0]))
    const load = keys.map(async (key) => {
      while (spending) {
        const { state } = await spend(key, 3)
        expect(state).to.be.oneOf(['settled', 'waiting'])
        spent.set(key, (spent.get(key) ?? 0) + 3)
        await sleep(20)
      }
    })
    await until('some load', () => metrics.get('settled') > 200)
    await failOver()
    await until('a queue', () => settler.waiting > 100)
    expect(await settler.available()).to.equal(false)
    expect(await ask(newKey())).to.include({ state: 'unavailable' })
    proxy.target = other.port
    const started = performance.now()
    await until('Redis', () => settler.available())
    const took = performance.now() - started
    await until('every crossing', () => [...spent.values()].every((tokens) => tokens > 102))
    spending = false
    await Promise.all(load)
    await until('an empty queue', () => settler.waiting === 0)
    process.stdout.write(`      served again ${Math.round(took)} ms after the new master was there\n`)
    expect(took).to.be.below(3000)
    for (const key of keys)
      expect(Number(await client(other).get(totalName(key, 'total')))).to.equal(spent.get(key))
    expect(new Set(delivered.map(({ id }) => id)).size).to.equal(20)
    expect(delivered.every(({ record }) => JSON.parse(record?.payload ?? '').total_tokens === 102)).to.equal(
      true,
    )
    expect(metrics.get('uncounted_dropped')).to.equal(0)
  })

  it('is found by admissions alone, where nothing is settled meanwhile', async () => {
    expect(await ask(newKey())).to.include({ state: 'admitted' })
    await failOver()
    expect(await ask(newKey())).to.include({ state: 'unavailable' })
    proxy.target = other.port
    await until('an admission', async () => (await ask(newKey())).state === 'admitted')
  })

  it('is waited for by what is to be given back: no key is kept from tokens that nobody spends', async () => {
    const keys = Array.from({ length: 250 }, newKey)
    const held = await Promise.all(keys.map(async (key) => ({ key, reservation: await reserve(key) })))
    await until('the copy', async () => (await client(other).get(reservedName(keys[249] ?? ''))) === '10')
    await failOver()
    for (const { key, reservation } of held) {
      expect(admissions.take(reservation)).to.equal(true)
      await admissions.release(key, reservation)
    }
    const looker = client(other)
    const still = async () =>
      (await Promise.all(keys.map((key) => looker.exists(reservedName(key))))).filter(Boolean)
    expect(await still()).to.have.length(250)
    proxy.target = other.port
    await until('all of it', async () => (await still()).length === 0)
  })

  it('does not storm a server that stays read-only', async () => {
    await failOver()
    const connections = async () =>
      Number(/total_connections_received:(\d+)/.exec(await client(one).info('stats'))?.[1])
    const looker = client(one)
    const before = await connections()
    const started = performance.now()
    for (let i = 0; i < 300; i++) {
      await spend(newKey(), 1)
      await sleep(10)
    }
    const seconds = (performance.now() - started) / 1000
    const made = (await connections()) - before
    looker.disconnect()
    // Half a second between two; each look adds a connection of its own.
    expect(made).to.be.at.most(2 * seconds + 4)
    expect(connection.lines.filter((line) => line.includes('READONLY'))).to.have.length(1)
    proxy.target = other.port
    await until('an empty queue', () => settler.waiting === 0)
  })

  it('leaves a master that has lost its replicas, where the address leads elsewhere by then', async () => {
    const key = newKey()
    await spend(key, 1)
    await until('the copy', async () => (await client(other).get(totalName(key, 'total'))) === '1')
    await client(other).replicaof('NO', 'ONE')
    await client(one).config('SET', 'min-replicas-to-write', '1')
    expect(await spend(key, 2)).to.include({ state: 'waiting' })
    proxy.target = other.port
    await until('an empty queue', () => settler.waiting === 0)
    expect(await client(other).get(totalName(key, 'total'))).to.equal('3')
  })
})

describe('A server that reads its data for long', function () {
  this.timeout(60_000)

  it('is not waited for where the address leads elsewhere by then', async () => {
    const slow = await PrivateRedis.start(
      '--enable-debug-command local --rdbcompression no --loading-process-events-interval-bytes 1024'.split(
        ' ',
      ),
    )
    const other = await PrivateRedis.start()
    const admin = new Redis(slow.port).on('error', () => undefined)
    const proxy = await SwallowingProxy.start(slow.port)
    await admin.eval("for i = 1, 3000 do redis.call('SET', 'k' .. i, string.rep('x', 200)) end", 0)
    // 30 s.
    await admin.config('SET', 'key-load-delay', '10000')
    admin.call('DEBUG', 'RELOAD').catch(() => undefined)
    const looker = new Redis(slow.port, { enableReadyCheck: false }).on('error', () => undefined)
    const loads = () =>
      looker.get('x').then(
        () => false,
        ({ message }) => message.startsWith('LOADING'),
      )
    await until('the loading', loads)
    const { redis } = await connected(proxy.port)
    try {
      await until('a connection', () => redis.status === 'connect')
      proxy.target = other.port
      await until('the other server', () => redis.status === 'ready')
      expect(await loads()).to.equal(true)
    } finally {
      for (const client of [redis, admin, looker]) client.disconnect()
      await proxy.stop()
      await slow.stop()
      await other.stop()
    }
  })
})

describe('Trouble of Redis that passes', function () {
  this.timeout(60_000)
  const newKey = keyNames('passing')

  const open = (link: Connected['link'], metrics = new Metrics()) =>
    new UsageSettler({
      link,
      processId: newProcessId(),
      known: new CounterSnapshots(),
      metrics,
      log: lineLog(() => undefined),
      deliver: () => undefined,
    })

  it('a right that is taken from the user and given back: the records wait, and count once', async () => {
    const server = await PrivateRedis.start()
    const admin = new Redis(server.port)
    await admin.call('ACL', 'SETUSER', 'plugin', 'on', '>secret', '~vk:*', '+@all')
    const { link, redis } = await connected(server.port, { username: 'plugin', password: 'secret' })
    const metrics = new Metrics()
    const settler = open(link, metrics)
    try {
      const key = newKey()
      const spend = async () =>
        (await settler.settle({ ...usageRecord(key, 5), service: 'openai' }, async () => '')).state
      expect(await spend()).to.equal('settled')
      for (const [without, again] of [
        ['-evalsha', '+evalsha'],
        ['-set', '+set'],
        ['-hmget', '+hmget'],
      ] as const) {
        await admin.call('ACL', 'SETUSER', 'plugin', without)
        expect(await spend(), without).to.equal('waiting')
        expect(await spend(), without).to.equal('waiting')
        await admin.call('ACL', 'SETUSER', 'plugin', again)
        await until('an empty queue', () => settler.waiting === 0)
      }
      await admin.call('ACL', 'SETUSER', 'plugin', 'resetkeys', '~other:*')
      expect(await spend()).to.equal('waiting')
      await admin.call('ACL', 'SETUSER', 'plugin', 'resetkeys', '~vk:*')
      await until('an empty queue', () => settler.waiting === 0)
      expect(await admin.get(totalName(key, 'total'))).to.equal('40')
      expect(metrics.get('uncounted_dropped')).to.equal(0)
    } finally {
      await settler.stop(0)
      redis.disconnect()
      admin.disconnect()
      await server.stop()
    }
  })

  it('a script of somebody else that keeps Redis busy: the records wait, and count once', async () => {
    const server = await PrivateRedis.start(['--busy-reply-threshold', '1'])
    const [admin, busy] = [new Redis(server.port), new Redis(server.port)]
    const { link, redis } = await connected(server.port)
    const settler = open(link)
    try {
      const key = newKey()
      // Both are connected before: a new connection is refused as well.
      for (const client of [admin, busy]) {
        client.on('error', () => undefined)
        await client.ping()
      }
      const endless = busy.eval('while true do end', 0).catch(() => undefined)
      await until('Redis to be busy', () =>
        admin.ping().then(
          () => false,
          ({ message }) => message.startsWith('BUSY'),
        ),
      )
      expect(
        (await settler.settle({ ...usageRecord(key, 5), service: 'openai' }, async () => '')).state,
      ).to.equal('waiting')
      await admin.call('SCRIPT', 'KILL')
      await endless
      await until('an empty queue', () => settler.waiting === 0)
      expect(await admin.get(totalName(key, 'total'))).to.equal('5')
    } finally {
      await settler.stop(0)
      for (const client of [redis, admin, busy]) client.disconnect()
      await server.stop()
    }
  })

  it('a slot that moves to another node, and a cluster that is down: the records wait, and count once', async () => {
    const cluster = await PrivateCluster.start()
    const { link, redis } = await connected(0, { cluster_nodes: cluster.cluster_nodes, timeout: 500 })
    const metrics = new Metrics()
    const settler = open(link, metrics)
    const admins = cluster.nodes.map(({ port }) => new Redis(port).on('error', () => undefined))
    try {
      const key = newKey()
      const name = totalName(key, 'total')
      const spend = async () =>
        (await settler.settle({ ...usageRecord(key, 5), service: 'openai' }, async () => '')).state
      await settler.settle({ ...usageRecord(key, 101), service: 'openai' }, async () => '')
      const slot = Number(await admins[0]?.cluster('KEYSLOT', name))
      const ids = await Promise.all(admins.map((admin) => admin.cluster('MYID') as Promise<string>))
      const from = Math.floor((slot * admins.length) / 16_384)
      const to = (from + 1) % admins.length
      const [source, target] = [admins[from], admins[to]]
      if (source === undefined || target === undefined) throw new Error('no node')
      await target.cluster('SETSLOT', slot, 'IMPORTING', ids[from] ?? '')
      await source.cluster('SETSLOT', slot, 'MIGRATING', ids[to] ?? '')
      // Half of the script's keys are here and half are there, so that neither node can run it: TRYAGAIN.
      await source.migrate('127.0.0.1', target.options.port ?? 0, name, 0, 5000)
      expect(await spend()).to.equal('waiting')
      expect(await spend()).to.equal('waiting')
      const left = (await source.cluster('GETKEYSINSLOT', slot, 100)) as string[]
      await source.call('MIGRATE', '127.0.0.1', String(target.options.port), '', '0', '5000', 'KEYS', ...left)
      for (const admin of [target, source]) await admin.cluster('SETSLOT', slot, 'NODE', ids[to] ?? '')
      await until('an empty queue', () => settler.waiting === 0)
      expect(await target.get(name)).to.equal('111')

      for (const admin of admins) await admin.config('SET', 'cluster-require-full-coverage', 'yes')
      await cluster.nodes[(to + 1) % 3]?.halt()
      await until('the cluster to be down', async () =>
        ((await target.cluster('INFO')) as string).includes('cluster_state:fail'),
      )
      expect(await spend()).to.equal('waiting')
      await cluster.nodes[(to + 1) % 3]?.resume()
      await until('an empty queue', () => settler.waiting === 0)
      expect(await target.get(name)).to.equal('116')
      expect(metrics.get('uncounted_dropped')).to.equal(0)
    } finally {
      await settler.stop(0)
      redis.disconnect()
      for (const admin of admins) admin.disconnect()
      await cluster.stop()
    }
  })
})
