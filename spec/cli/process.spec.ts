import { spawn } from 'node:child_process'
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import { Redis } from 'ioredis'
import { PrivateRedis } from '../../dev/redis.ts'
import { httpServer } from '../support/http-server.ts'
import { ROOT } from '../support/root.ts'
import { until } from '../support/until.ts'
import { ended, startVk, vk } from '../support/vk.ts'

const MAIN = resolve(ROOT, 'dist', 'cli', 'main.js')

/** What only a process shows; all else of the command is seen where the specs run it themselves. */
describe('vk as a process', function () {
  this.timeout(60_000)

  let redis: PrivateRedis
  let client: Redis
  let env: Record<string, string>
  let folder: string

  before(async () => {
    redis = await PrivateRedis.start()
    client = new Redis(redis.port)
    env = { REDIS_URL: redis.url }
    folder = mkdtempSync(join(tmpdir(), 'virtual-key-process-'))
  })
  beforeEach(async () => {
    await client.flushall()
    await vk(['migrate'], env)
  })
  after(async () => {
    client?.disconnect()
    await redis?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const run = (args: readonly string[], own: Record<string, string> = env) => ended(startVk(args, own))
  const registered = async () => (await client.keys('vk:*:key:*')).length

  it('ends with 0, 1, 2 or 3; results go to stdout, all else to stderr', async () => {
    const [done, notDone, wrong, unreachable] = await Promise.all([
      run(['keys', 'list']),
      run(['usage', 'nobody']),
      run(['keys', 'list', '--no-such-option']),
      run(['keys', 'list'], { REDIS_URL: 'redis://127.0.0.1:1' }),
    ])
    expect(done).to.deep.equal({ code: 0, stdout: 'none\n', stderr: '' })
    const text = 'vk: key "nobody" is not registered and has spent nothing\n'
    expect(notDone).to.deep.equal({ code: 1, stdout: '', stderr: text })
    expect([wrong.code, wrong.stdout]).to.deep.equal([2, ''])
    expect(wrong.stderr).to.match(/^error: unknown option '--no-such-option'/)
    expect([unreachable.code, unreachable.stdout]).to.deep.equal([3, ''])
    expect(unreachable.stderr).to.match(/^vk: Redis at 127\.0\.0\.1:1 is unreachable/)
  })

  it('reads stdin that comes in pieces, later', async () => {
    const child = startVk(['keys', 'import', '-'], env, 'pipe')
    const end = ended(child)
    child.stdin?.write('id,token_budget\nfirst,')
    await until('its connection', async () => /name=virtual-key/.test(String(await client.client('LIST'))))
    child.stdin?.end('5\nsecond,6\n')
    expect(await end).to.deep.include({ code: 0, stdout: '2 created, 0 updated, 0 unchanged, 0 bad\n' })
  })

  it('reads a stdin that is a file', async () => {
    const file = join(folder, 'keys.csv')
    writeFileSync(file, 'id\na\nb\n')
    const fromFile = spawn(process.execPath, [MAIN, 'keys', 'import', '-'], {
      env,
      stdio: [openSync(file, 'r'), 'pipe', 'pipe'],
    })
    expect((await ended(fromFile)).stdout).to.match(/^2 created/)
  })

  it('does not wait for a stdin that it does not read', async () => {
    const child = startVk(['keys', 'list'], env, 'pipe')
    expect((await ended(child)).code).to.equal(0)
  })

  it('stops reading at the first bad row, while the sender goes on', async () => {
    const child = startVk(['keys', 'import', '-'], env, 'pipe')
    child.stdin?.on('error', () => undefined)
    const end = ended(child)
    child.stdin?.write(`id,token_budget\na,x\n${'b,1\n'.repeat(100_000)}`)
    const { code, stdout } = await end
    expect(code).to.equal(1)
    expect(stdout).to.match(/^0 created, .* 1 bad\n$/)
  })

  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    it(`is ended by ${signal} in the middle of an import, with what it has written until then`, async () => {
      const child = startVk(['keys', 'import', '-'], env, 'pipe')
      const end = ended(child)
      child.stdin?.write(`id\n${Array.from({ length: 600 }, (_, i) => `key-${i}\n`).join('')}`)
      await until('the first batch', async () => (await registered()) === 500)
      child.kill(signal)
      expect((await end).code).to.equal(null)
      expect(child.signalCode).to.equal(signal)
    })

  it('ends vk dispatch on SIGINT as on SIGTERM, with its counters', async () => {
    const child = startVk(['dispatch'], env)
    const end = ended(child)
    await new Promise((begun) => child.stdout?.once('data', begun))
    child.kill('SIGINT')
    const { code, stdout } = await end
    expect(code).to.equal(0)
    expect(stdout).to.match(/stopped; counters/)
  })

  it('ends vk doctor while a Kong that never answers still holds its requests', async () => {
    const server = await httpServer(({ url }, _body, response) => {
      if (url === '/status') response.writeHead(200, { server: 'kong/3.9.3' }).end('{}')
    })
    const started = performance.now()
    const { code, stdout } = await run(['doctor', '--admin-url', server.url, '--timeout', '1'])
    expect(code).to.equal(1)
    expect(stdout).to.include('it could not be looked at within 1 s')
    // A request to the Admin API would hold the process for fifteen seconds.
    expect(performance.now() - started).to.be.lessThan(12_000)
    await server.close()
  })

  it('runs eight imports of the same file at once, and each key is there once', async () => {
    const file = join(folder, 'many.csv')
    const ids = Array.from({ length: 300 }, (_, i) => `key-${i}`)
    writeFileSync(file, `id,token_budget\n${ids.map((id) => `${id},5\n`).join('')}`)
    const ends = await Promise.all(Array.from({ length: 8 }, () => run(['keys', 'import', file, '--json'])))
    expect(ends.map(({ code }) => code)).to.deep.equal(Array(8).fill(0))
    const created = ends.map(({ stdout }) => (JSON.parse(stdout) as { created: number }).created)
    expect(created.reduce((sum, one) => sum + one, 0)).to.equal(ids.length)
    expect(await registered()).to.equal(ids.length)
  })
})
