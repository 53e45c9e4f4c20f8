import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { Redis } from 'ioredis'
import { onPath, PrivateRedis } from '../../../../dev/redis.ts'
import { outboxNames, partitionOf, totalName } from '../../../../plugins/virtual-key/redis/names.ts'
import { exchange, newInstance } from '../../../support/exchange.ts'
import { PluginProcess } from '../../../support/plugin-process.ts'
import { Receiver } from '../../../support/receiver.ts'
import { SwallowingProxy } from '../../../support/swallowing-proxy.ts'
import { until } from '../../../support/until.ts'

/** One prefix of Kong's, on which plugin servers come and go. Each exchange spends 10 tokens of one key. */
describe('Usage records that wait, when the plugin server is killed', function () {
  this.timeout(60_000)

  let redis: PrivateRedis
  let client: Redis
  let prefix: string
  let servers: PluginProcess[]
  let others: Array<{ stop(): Promise<void> }>

  beforeEach(async () => {
    redis = await PrivateRedis.start(['--appendonly', 'yes', '--appendfsync', 'always'])
    client = new Redis(redis.port, { retryStrategy: () => 20 })
    client.on('error', () => undefined)
    prefix = mkdtempSync(join(tmpdir(), 'virtual-key-prefix-'))
    servers = []
    others = []
  })

  afterEach(async () => {
    for (const server of servers) await server.stop('SIGKILL')
    for (const other of others) await other.stop()
    client.disconnect()
    await redis.stop()
    rmSync(prefix, { recursive: true, force: true })
  })

  const start = async (port = redis.port, config = {}) => {
    const server = await PluginProcess.start({}, prefix)
    servers.push(server)
    const wire = await server.connect()
    const instance = await newInstance(wire, port, config)
    return { server, spend: () => exchange(wire, instance, 'settled') }
  }
  const folder = () => join(prefix, 'virtual-key')
  const files = () => (existsSync(folder()) ? readdirSync(folder()) : [])
  const records = () =>
    files().reduce((sum, file) => sum + readFileSync(join(folder(), file), 'utf8').split('\n').length - 1, 0)
  const total = async () => Number(await client.get(totalName('vk-abc', 'total')))
  const gone = () => until('the end of the files', () => files().length === 0)

  it('are settled by the next one, exactly', async () => {
    const { server, spend } = await start()
    await spend()
    expect(files()).to.deep.equal([])
    await redis.halt('SIGKILL')
    for (let i = 0; i < 700; i++) await spend()
    const waited = records()
    await server.stop('SIGKILL')
    const started = performance.now()
    await redis.resume()
    await start()
    await gone()
    const settled = (await total()) / 10 - 1
    process.stdout.write(
      `      ${waited} records waited, ${settled} were settled, ${Math.round(performance.now() - started)} ms after the kill\n`,
    )
    expect([waited, settled]).to.deep.equal([700, 700])
    expect(await client.exists(totalName('vk-abc', 'total'))).to.equal(1)
  })

  it('fire the alerts of their crossings, once, from the process that settles them', async () => {
    const receiver = await Receiver.start()
    others.push(receiver)
    const config = {
      alert_threshold: 100,
      alert_webhook: receiver.url,
      webhook: { timeout: 1000, allow_private_networks: true, format: 'json' },
    }
    const { server, spend } = await start(redis.port, config)
    await spend()
    await redis.halt()
    for (let i = 0; i < 20; i++) await spend()
    await server.stop('SIGKILL')
    await redis.resume()
    await start(redis.port, config)
    await gone()
    // Well before the lease of a process that ended would be over.
    await until('the alert', () => receiver.received.length > 0, 5000)
    const { outbox, alerts } = outboxNames(partitionOf('vk-abc'))
    await until(
      'an empty outbox',
      async () => (await client.xlen(outbox)) + (await client.hlen(alerts)) === 0,
    )
    expect(receiver.received.map(({ body }) => JSON.parse(body).total_tokens)).to.deep.equal([100])
  })

  it('outlive a second kill, in the middle of it', async () => {
    const first = await start()
    await first.spend()
    await redis.halt()
    for (let i = 0; i < 60; i++) await first.spend()
    await first.server.stop('SIGKILL')
    const second = await start()
    for (let i = 0; i < 60; i++) await second.spend()
    await second.server.stop('SIGKILL')
    expect(records()).to.equal(120)
    await redis.resume()
    await start()
    await gone()
    expect(await total()).to.equal(1210)
  })

  it('are left to their process while it lives, as during a reload, and taken over when it has ended', async () => {
    const old = await start()
    await old.spend()
    await redis.halt()
    for (let i = 0; i < 20; i++) await old.spend()
    const names = files()
    const next = await start()
    await next.spend()
    expect(files()).to.include.members(names)
    await old.server.stop('SIGKILL')
    await until('the take-over', () => names.every((name) => !files().includes(name)))
    await redis.resume()
    await gone()
    expect(await total()).to.equal(220)
    expect(next.server.output).to.contain('earlier process has left: 20')
  })

  it('and those on their way are safe at once when it is told to stop: Kong kills it 0.1 s later', async () => {
    const proxy = await SwallowingProxy.start(redis.port)
    others.push(proxy)
    const { server, spend } = await start(proxy.port)
    await spend()
    proxy.swallow = true
    const asked = spend().catch(() => undefined)
    await until('the total behind the lost reply', async () => (await total()) === 20)
    // Its first try is under way until the time-out of 2 s.
    const told = performance.now()
    server.child.kill('SIGTERM')
    await until('the record on disk', () => records() === 1)
    const took = performance.now() - told
    await server.stop('SIGKILL')
    await asked
    process.stdout.write(`      on disk ${Math.round(took)} ms after SIGTERM\n`)
    expect(took).to.be.below(1000)
    proxy.swallow = false
    await start(proxy.port)
    await gone()
    expect(await total()).to.equal(20)
  })

  it('leave no trace where Redis answers', async () => {
    const { server, spend } = await start()
    for (let i = 0; i < 50; i++) await spend()
    await server.stop()
    expect(existsSync(folder())).to.equal(false)
    expect(await total()).to.equal(500)
  })

  it('wait in memory where the disk is full, with one line in the log, and are written when it is not', async function () {
    // The limit ends a process by a signal that Node ignores and Deno does not. A disk that is full sends none.
    if (onPath('prlimit') === undefined || process.env.RUNTIME === 'deno') this.skip()
    const { server, spend } = await start()
    await spend()
    const limit = (bytes: string) =>
      execFileSync('prlimit', ['--pid', String(server.child.pid), `--fsize=${bytes}:`])
    // No file may grow beyond this, so that the last record before it is torn.
    limit('3000')
    await redis.halt()
    for (let i = 0; i < 40; i++) await spend()
    expect(server.output.split('\n').filter((line) => line.includes('wait in memory alone'))).to.have.length(
      1,
    )
    limit('unlimited')
    await until('the records on disk', () => records() >= 40)
    await server.stop('SIGKILL')
    await redis.resume()
    await start()
    await gone()
    expect(await total()).to.equal(410)
  })
})
