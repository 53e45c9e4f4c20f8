import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { Redis } from 'ioredis'
import { PrivateRedis } from '../../../../../dev/redis.ts'
import { CounterSnapshots } from '../../../../../plugins/virtual-key/metering/counter-snapshots.ts'
import { redisName } from '../../../../../plugins/virtual-key/metering/spool/redis-name.ts'
import { SpoolFolder } from '../../../../../plugins/virtual-key/metering/spool/spool-folder.ts'
import {
  MOST_SPOOLED,
  MOST_SPOOLED_BYTES,
  UsageSpool,
} from '../../../../../plugins/virtual-key/metering/spool/usage-spool.ts'
import { MOST_WAITING } from '../../../../../plugins/virtual-key/metering/usage-queue.ts'
import { newProcessId, UsageSettler } from '../../../../../plugins/virtual-key/metering/usage-settler.ts'
import type { Claim } from '../../../../../plugins/virtual-key/outbox/claim.ts'
import {
  DISPATCHERS,
  outboxNames,
  partitionOf,
  totalName,
} from '../../../../../plugins/virtual-key/redis/names.ts'
import { lineLog } from '../../../../../plugins/virtual-key/telemetry/log.ts'
import { Metrics } from '../../../../../plugins/virtual-key/telemetry/metrics.ts'
import { type Connected, connected, redisConfig } from '../../../../support/connection.ts'
import { SwallowingProxy } from '../../../../support/swallowing-proxy.ts'
import { until } from '../../../../support/until.ts'
import { keyNames, silentTarget, usageRecord } from '../../../../support/usage-record.ts'

describe('The spool', function () {
  this.timeout(60_000)

  let server: PrivateRedis
  let proxy: SwallowingProxy
  let plain: Redis
  let path: string
  let mounted: boolean
  let opened: Array<{ settler: UsageSettler; connection: Connected }>
  const newKey = keyNames('spool')

  beforeEach(async () => {
    server = await PrivateRedis.start(['--appendonly', 'yes', '--appendfsync', 'always'])
    proxy = await SwallowingProxy.start(server.port)
    plain = new Redis(server.port, { retryStrategy: () => 20 })
    plain.on('error', () => undefined)
    path = join(mkdtempSync(join(tmpdir(), 'virtual-key-spool-')), 'virtual-key')
    mounted = false
    opened = []
  })

  afterEach(async () => {
    for (const { settler, connection } of opened) {
      await settler.stop(0)
      connection.redis.disconnect()
    }
    plain.disconnect()
    await proxy.stop()
    await server.stop()
    if (mounted) execFileSync('umount', [path])
    rmSync(join(path, '..'), { recursive: true, force: true })
  })

  /** A process of its own, as far as the spool can tell: it knows nothing of the others' runtimes. */
  const life = async ({ redis = 'aa', folder = new SpoolFolder(path), bounds = {} } = {}) => {
    const connection = await connected(proxy.port, { timeout: 2000 })
    const metrics = new Metrics()
    const lines: string[] = []
    const delivered: Claim[] = []
    const processId = newProcessId()
    const log = lineLog((line) => lines.push(line))
    const spool = new UsageSpool({
      folder,
      redis,
      runtime: processId,
      metrics,
      log,
      now: () => performance.now(),
      ...bounds,
    })
    const settler = new UsageSettler({
      link: connection.link,
      processId,
      known: new CounterSnapshots(),
      metrics,
      log,
      deliver: (claims) => delivered.push(...claims),
      spool,
    })
    opened.push({ settler, connection })
    const spend = (key: string, tokens: number, own: Parameters<typeof usageRecord>[2] = {}) =>
      settler.settle({ ...usageRecord(key, tokens, own), service: 'openai' }, async () => 'asked')
    /** As SIGKILL leaves it: it tries nothing any more, and says nothing. */
    const kill = () => connection.redis.disconnect()
    return { settler, spend, metrics, lines, delivered, kill, processId }
  }

  const total = async (key: string) => Number(await plain.get(totalName(key, 'total')))
  const files = () => (existsSync(path) ? readdirSync(path).sort() : [])
  const text = () =>
    files()
      .map((file) => readFileSync(join(path, file), 'utf8'))
      .join('')
  const gone = () => until('the end of the files', () => files().length === 0)

  it('is not there while Redis answers', async () => {
    const { spend, metrics, settler } = await life()
    await Promise.all(Array.from({ length: 200 }, (_, i) => spend(`spool-idle-${i % 7}`, 1)))
    settler.secure()
    expect(metrics.get('settled')).to.equal(200)
    expect(existsSync(path)).to.equal(false)
    await settler.stop(0)
    expect(existsSync(path)).to.equal(false)
  })

  it('holds what waits as soon as it waits, for the eyes of one user, and goes away when all is settled', async () => {
    const { spend, settler, metrics } = await life()
    const key = newKey()
    await spend(key, 1)
    await server.halt()
    await until('the loss of Redis', async () => !(await settler.available()))
    for (let i = 1; i <= 20; i++) {
      await spend(key, 1)
      expect(text().split('\n')).to.have.length(i + 1)
    }
    expect(settler.spooled).to.equal(20)
    expect(metrics.get('spooled')).to.equal(20)
    expect(statSync(path).mode & 0o777).to.equal(0o700)
    for (const file of files()) expect(statSync(join(path, file)).mode & 0o777).to.equal(0o600)
    await server.resume()
    await gone()
    expect(await total(key)).to.equal(21)
  })

  it('gives the next process exactly what waited, in order, and the alert of each crossing once', async () => {
    const before = await life()
    const keys = [newKey(), newKey()]
    await server.halt()
    await until('the loss of Redis', async () => !(await before.settler.available()))
    for (let tokens = 1; tokens <= 20; tokens++)
      for (const key of keys) await before.spend(key, tokens, { thresholds: [10, 100, 200] })
    before.kill()
    const after = await life()
    expect(after.settler.waiting).to.equal(40)
    await server.resume()
    await gone()
    for (const key of keys) expect(await total(key)).to.equal(210)
    expect(
      after.delivered.map(({ record }) => JSON.parse(record?.payload ?? '').total_tokens).sort(),
    ).to.deep.equal([10, 10, 105, 105, 210, 210].sort())
    // Whose name they bear in Redis, so that nobody takes them for those of a process that ended.
    for (const key of keys) {
      const { outbox } = outboxNames(partitionOf(key))
      const owners = (await plain.xpending(outbox, DISPATCHERS, '-', '+', 10)) as Array<[string, string]>
      expect(new Set(owners.map(([, owner]) => owner))).to.deep.equal(new Set([after.processId]))
    }
    expect(after.metrics.get('spool_recovered')).to.equal(40)
    expect(after.metrics.get('crossings')).to.equal(6)
    expect(after.lines.some((line) => line.includes('earlier process has left: 40'))).to.equal(true)
  })

  it('a record that was settled and whose reply was lost counts once, and its crossing is counted and said', async () => {
    const before = await life()
    const key = newKey()
    await before.spend(key, 90, { target: silentTarget() })
    proxy.swallow = true
    const lost = before.spend(key, 11, { target: silentTarget() })
    await until('the total behind the lost reply', async () => (await total(key)) === 101)
    expect(await lost).to.include({ state: 'waiting' })
    before.kill()
    proxy.swallow = false
    proxy.cut()
    const after = await life()
    await gone()
    expect(await total(key)).to.equal(101)
    expect(after.metrics.get('duplicates')).to.equal(1)
    expect(after.metrics.get('crossings')).to.equal(1)
    expect(
      after.lines.filter((line) => line.includes(`"${key}" crossed 100 with 101 tokens`)),
    ).to.have.length(1)
  })

  it('a crossing of a record that had to wait is counted, and said where there is no webhook', async () => {
    const { spend, settler, metrics, lines } = await life()
    const key = newKey()
    await server.halt()
    await until('the loss of Redis', async () => !(await settler.available()))
    for (let i = 0; i < 3; i++) await spend(key, 50, { target: silentTarget() })
    await server.resume()
    await gone()
    expect(metrics.get('crossings')).to.equal(1)
    expect(
      lines.filter((line) => line.includes(`critical: key "${key}" crossed 100 with 100 tokens`)),
    ).to.have.length(1)
  })

  it('is left alone while its process lives, and belongs to one Redis', async () => {
    const folder = new SpoolFolder(path)
    const one = await life({ folder })
    const key = newKey()
    await server.halt()
    await until('the loss of Redis', async () => !(await one.settler.available()))
    await one.spend(key, 5)
    const names = files()
    const other = await life({ folder })
    const elsewhere = await life({ redis: 'bb' })
    expect([other.settler.waiting, elsewhere.settler.waiting]).to.deep.equal([0, 0])
    expect(files()).to.deep.equal(names)
    await one.settler.stop(0)
    // Of a runtime that was closed, in a process that lives: its configuration named another Redis for a while.
    const again = await life({ folder })
    expect(again.settler.waiting).to.equal(1)
    await server.resume()
    await gone()
    expect(await total(key)).to.equal(5)
  })

  it('that two processes work off at once counts once', async () => {
    const before = await life()
    const keys = Array.from({ length: 10 }, newKey)
    await server.halt()
    await until('the loss of Redis', async () => !(await before.settler.available()))
    for (let i = 0; i < 30; i++) for (const key of keys) await before.spend(key, 1)
    // The first goes on with what it has in memory, and the second takes its files for those of a process that ended.
    const after = await life()
    expect(after.settler.waiting).to.equal(300)
    await server.resume()
    await until('two empty queues', () => before.settler.waiting + after.settler.waiting === 0)
    await gone()
    expect(await Promise.all(keys.map(total))).to.deep.equal(keys.map(() => 30))
    expect(before.metrics.get('duplicates') + after.metrics.get('duplicates')).to.equal(300)
  })

  it('skips what is torn or corrupt, says so, and settles the rest', async () => {
    const before = await life()
    const key = newKey()
    await server.halt()
    await until('the loss of Redis', async () => !(await before.settler.available()))
    for (let i = 0; i < 10; i++) await before.spend(key, 1)
    before.kill()
    const [file = ''] = files().map((name) => join(path, name))
    const lines = readFileSync(file, 'utf8').split('\n')
    lines[3] = `${lines[3]?.slice(0, 40)}#${lines[3]?.slice(41)}`
    writeFileSync(file, lines.join('\n'))
    truncateSync(file, statSync(file).size - 20)
    const after = await life()
    expect(after.settler.waiting).to.equal(8)
    await server.resume()
    await gone()
    expect(await total(key)).to.equal(8)
    expect(after.lines.some((line) => line.includes('critical: 2 torn or corrupt lines'))).to.equal(true)
  })

  it('of another version stays for it, and is said', async () => {
    const before = await life()
    await server.halt()
    await until('the loss of Redis', async () => !(await before.settler.available()))
    await before.spend(newKey(), 1)
    before.kill()
    const [file = ''] = files().map((name) => join(path, name))
    const json = '{"format":1}'
    const { createHash } = await import('node:crypto')
    appendFileSync(file, `${createHash('sha256').update(json).digest('hex').slice(0, 8)} ${json}\n`)
    const after = await life()
    expect(after.settler.waiting).to.equal(0)
    expect(after.lines.some((line) => line.includes('another version'))).to.equal(true)
    await after.settler.stop(0)
    expect(files()).to.have.length(1)
  })

  /** A file system of one's own over the folder; false: only root may make one. */
  const mount = (options: string) => {
    mkdirSync(path)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'ignore' })
    } catch {
      return false
    }
    mounted = true
    return true
  }

  for (const [what, breakIt] of [
    ['a file where the folder should be', () => writeFileSync(path, '')],
    ['a folder that may not be written to', () => mount('ro')],
    ['a full disk', () => mount('size=4k')],
  ] as const) {
    it(`with ${what} is one line in the log and no failure`, async function () {
      if (breakIt() === false) this.skip()
      const { spend, settler, lines } = await life()
      const key = newKey()
      await server.halt()
      await until('the loss of Redis', async () => !(await settler.available()))
      for (let i = 0; i < 50; i++) expect(await spend(key, 1)).to.include({ state: 'waiting' })
      expect(lines.filter((line) => line.includes('critical: '))).to.have.length(1)
      await server.resume()
      await until('an empty queue', () => settler.waiting === 0)
      expect(await total(key)).to.equal(50)
    })
  }

  it('is written as soon as the disk takes it, also what came before', async () => {
    writeFileSync(path, '')
    const before = await life()
    const key = newKey()
    await server.halt()
    await until('the loss of Redis', async () => !(await before.settler.available()))
    for (let i = 0; i < 10; i++) await before.spend(key, 1)
    rmSync(path)
    await until('the records on disk', () => text().split('\n').length === 11)
    before.kill()
    await life()
    await server.resume()
    await gone()
    expect(await total(key)).to.equal(10)
  })

  it('takes what finds no room in memory', async () => {
    const { spend, settler, metrics, lines } = await life()
    const keys = Array.from({ length: 20 }, newKey)
    await server.halt()
    await until('the loss of Redis', async () => !(await settler.available()))
    for (let i = 0; i < MOST_WAITING + 3000; i++) {
      expect((await spend(keys[i % 20] ?? '', 1)).state).to.equal('waiting')
    }
    expect(settler.waiting).to.equal(MOST_WAITING)
    expect(settler.spooled).to.equal(MOST_WAITING + 3000)
    await server.resume()
    await gone()
    expect(settler.waiting).to.equal(0)
    expect(await Promise.all(keys.map(total))).to.deep.equal(keys.map(() => (MOST_WAITING + 3000) / 20))
    expect(metrics.get('uncounted_dropped')).to.equal(0)
    expect(metrics.get('settled')).to.equal(MOST_WAITING + 3000)
    expect(lines.filter((line) => line.includes('lost'))).to.deep.equal([])
  })

  for (const [what, bounds, most] of [
    ['records', { most: 12_000 }, 12_000],
    ['bytes', { mostBytes: 7_000_000 }, 18_000],
  ] as const) {
    it(`holds no more ${what} than it may; what finds no room in memory either is counted and said`, async () => {
      const { spend, settler, metrics, lines } = await life({ bounds })
      const key = newKey()
      await server.halt()
      await until('the loss of Redis', async () => !(await settler.available()))
      let waiting = 0
      for (let i = 0; i < 19_000; i++) if ((await spend(key, 1)).state === 'waiting') waiting++
      expect(waiting).to.be.within(MOST_WAITING, most)
      expect(settler.spooled).to.be.at.most(most)
      const bytes = files().reduce((sum, file) => sum + statSync(join(path, file)).size, 0)
      if ('mostBytes' in bounds) expect(bytes).to.be.within(bounds.mostBytes - 1000, bounds.mostBytes + 1000)
      expect(metrics.get('uncounted_dropped')).to.equal(19_000 - waiting)
      const said = (word: string) =>
        lines.filter((line) => line.includes(`critical: `) && line.includes(word))
      expect(said('holds the most that it may')).to.have.length(1)
      expect(said('tokens of key')).to.have.length(1)
      await server.resume()
      await gone()
      expect(await total(key)).to.equal(waiting)
    })
  }

  it('names bounds that a disk can bear', () => {
    expect([MOST_SPOOLED, MOST_SPOOLED_BYTES]).to.deep.equal([100_000, 64 * 1024 * 1024])
  })

  it('has what is on its way when the process may be killed at any moment', async () => {
    const before = await life()
    const keys = [newKey(), newKey()]
    await before.spend(keys[0] ?? '', 1)
    server.freeze()
    const asked = before.spend(keys[0] ?? '', 5)
    before.settler.secure()
    expect(text().split('\n')).to.have.length(2)
    const later = before.spend(keys[1] ?? '', 6)
    expect(text().split('\n')).to.have.length(3)
    before.kill()
    await Promise.all([asked, later])
    server.thaw()
    await life()
    await gone()
    expect(await Promise.all(keys.map(total))).to.deep.equal([6, 6])
  })
})

describe('redisName', () => {
  it('is the same for one Redis, however it is entered, and another for another', () => {
    const config = redisConfig(6379)
    const same = [
      { ...config, password: 'x' },
      { ...config, timeout: 5, username: 'u', ssl: true, cluster_nodes: undefined },
      Object.fromEntries(Object.entries(config).reverse()) as typeof config,
    ]
    for (const one of same) expect(redisName(one as typeof config)).to.equal(redisName(config))
    const others = [
      { ...config, port: 6380 },
      { ...config, database: 1 },
      { ...config, cluster_nodes: [{ ip: '127.0.0.1', port: 6379 }] },
    ]
    expect(new Set([config, ...others].map(redisName)).size).to.equal(4)
  })
})
