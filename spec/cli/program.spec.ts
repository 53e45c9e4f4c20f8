import { expect } from 'chai'
import { Redis } from 'ioredis'
import { program } from '../../cli/program.ts'
import { PrivateRedis } from '../../dev/redis.ts'
import { AdminApiDouble } from '../support/admin-api.ts'
import { until } from '../support/until.ts'
import { vk } from '../support/vk.ts'

describe('program', function () {
  this.timeout(60_000)

  let redis: PrivateRedis
  let kong: AdminApiDouble
  let client: Redis
  let env: Record<string, string>
  const variables = { ...process.env }

  before(async () => {
    redis = await PrivateRedis.start()
    kong = await AdminApiDouble.start()
    client = new Redis(redis.port)
    env = { REDIS_URL: redis.url, KONG_ADMIN_URL: kong.url }
  })
  afterEach(() => {
    process.env = { ...variables }
  })
  after(async () => {
    client?.disconnect()
    await kong.stop()
    await redis.stop()
  })

  it('leaves nothing of a run behind: 200 in one process, and neither listeners nor handles are more', async () => {
    const runs: ReadonlyArray<readonly [number, () => ReturnType<typeof vk>]> = [
      [0, () => vk(['keys', 'list'], env)],
      [0, () => vk(['keys', 'create', 'a', '--no-registry', '--dry-run', '--key-file', '-'], env, 'secret')],
      [1, () => vk(['usage', 'nobody'], env)],
      [0, () => vk(['migrate', '--status', '--json'], env)],
      [2, () => vk(['keys', 'rotate', 'a', '--overlap', 'x'], env)],
      [3, () => vk(['keys', 'rotate', 'a', '--admin-url', 'http://127.0.0.1:1'], {})],
      [0, () => vk(['keys', 'import', '-'], { REDIS_URL: redis.url }, 'id\n')],
      [0, () => vk(['doctor', '--timeout', '5'], env)],
      [0, () => vk(['dispatch'], env, '', AbortSignal.timeout(20))],
      [0, () => vk(['alerts', 'list', '--help'])],
    ]
    const once = () => Promise.all(runs.map(([, run]) => run()))
    // What is loaded by the first run stays for the process.
    await once()
    const connections = async () =>
      String(await client.client('LIST')).match(/ name=virtual-key/g)?.length ?? 0
    await until('the end of all connections', async () => (await connections()) === 0)
    const before = await left()
    for (let i = 0; i < 20; i++) {
      const codes = (await once()).map(({ code }) => code)
      expect(codes).to.deep.equal(runs.map(([code]) => code))
    }
    await until('the end of all connections', async () => (await connections()) === 0)
    // A kept connection would be closed after four seconds.
    const quick = 3000
    const fewer = async () =>
      Object.entries(await left()).every(([what, count]) => count <= (before[what] ?? 0))
    await until('no more handles than before', fewer, quick)
    expect(process.exitCode).to.equal(undefined)
  })

  it('reads the environment that it is given, and not the one of the process', async () => {
    process.env.KONG_ADMIN_URL = kong.url
    process.env.REDIS_URL = 'nonsense'
    process.env.VIRTUAL_KEY_RETRY_SCHEDULE = 'nonsense'
    const { code, stderr } = await vk(['keys', 'rotate', 'a'], {})
    expect([code, stderr]).to.deep.equal([2, 'vk: credentials are in Kong: give --admin-url\n'])
    expect((await vk(['keys', 'list'], { REDIS_URL: redis.url })).code).to.equal(0)
    expect((await vk(['dispatch'], { REDIS_URL: redis.url }, '', AbortSignal.abort())).code).to.equal(0)
  })

  it('leaves stdin alone where nothing is read from it', async () => {
    const { url } = kong
    for (const args of [
      ['keys', 'list'],
      ['keys', 'create', 'b', '--no-registry', '--admin-url', url],
    ]) {
      const code = await program(args, {
        get stdin(): AsyncIterable<Uint8Array> {
          throw new Error('stdin is opened')
        },
        stdout: { write: () => undefined },
        stderr: { write: () => undefined },
        env: { REDIS_URL: redis.url },
        stopSignal: () => new AbortController().signal,
      })
      expect(code, args.join(' ')).to.equal(0)
    }
  })

  it('puts an argument before its variable, and a variable before the default', async () => {
    const to = async (args: string[], url: string) =>
      (await vk(['keys', 'list', ...args], { REDIS_URL: url })).code
    expect(await to([], redis.url)).to.equal(0)
    expect(await to([], 'redis://127.0.0.1:1')).to.equal(3)
    expect(await to(['--redis-url', redis.url], 'redis://127.0.0.1:1')).to.equal(0)
    expect(await to(['--redis-url', 'redis://127.0.0.1:1'], redis.url)).to.equal(3)
  })

  it('names the variable of an option in its help, beside the default', async () => {
    const { code, stdout } = await vk(['keys', 'list', '--help'], { REDIS_URL: 'redis://:p4ss@there' })
    expect(code).to.equal(0)
    expect(stdout.replace(/\s+/g, ' '))
      .to.include('(default: "redis://127.0.0.1:6379", env: REDIS_URL)')
      .and.include('(env: REDIS_CLUSTER_NODES)')
      .and.not.include('p4ss')
  })

  it('writes help that nobody asked for to stderr, and what is wrong with an invocation', async () => {
    const [none, unknown, asked] = await Promise.all([vk([]), vk(['kesy']), vk(['help', 'keys'])])
    expect([none.code, unknown.code, asked.code]).to.deep.equal([2, 2, 0])
    expect([none.stdout, unknown.stdout, asked.stderr]).to.deep.equal(['', '', ''])
    expect(none.stderr).to.match(/^Usage: vk /)
    expect(unknown.stderr).to.match(/^error: unknown command 'kesy'/)
    expect(asked.stdout).to.match(/^Usage: vk keys /)
  })
})

/** What keeps a process from ending, and who listens to it, each with its number. */
async function left(): Promise<Record<string, number>> {
  // Handles that were closed are gone after a turn.
  await new Promise((done) => setImmediate(done))
  const resources = process.getActiveResourcesInfo()
  const counts = Object.fromEntries(
    [...new Set(resources)].map((kind) => [kind, resources.filter((one) => one === kind).length]),
  )
  const listeners = process
    .eventNames()
    .map((name) => [`listener ${String(name)}`, process.listenerCount(name)])
  return { ...counts, ...Object.fromEntries(listeners) }
}
