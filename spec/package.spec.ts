import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { PrivateRedis } from '../dev/redis.ts'
import { exchange, newInstance } from './support/exchange.ts'
import { ROOT } from './support/root.ts'
import { until } from './support/until.ts'
import { Wire } from './support/wire.ts'

interface Manifest {
  readonly version: string
  readonly bin: Readonly<Record<string, string>>
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>
}

function parsed<T>(file: string): T {
  return JSON.parse(readFileSync(join(ROOT, file), 'utf8')) as T
}

const MANIFEST = parsed<Manifest>('package.json')
/** As `node_modules/NAME`: what an installation of the package brings. */
const DEPENDENCIES = Object.entries(parsed<Lock>('package-lock.json').packages)
  .filter(([path, { dev }]) => !dev && path.lastIndexOf('node_modules/') === 0)
  .map(([path]) => path)

/** What belongs into the package: what users run, and what they read. */
const EXPECTED = [
  /^(CHANGELOG|README)\.md$/,
  /^LICENSE$/,
  /^package\.json$/,
  /^docs\/.+\.(md|svg)$/,
  /^dist\/(cli|migrations|plugins|schema)\/.+\.(js|lua)$/,
]

describe('The packed package', function () {
  this.timeout(60_000)

  let folder: string
  let installed: string
  let files: string[]

  /** Unpacked into an empty folder, with its dependencies and nothing else beside it. */
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'virtual-key-package-'))
    const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]
    const [packed] = JSON.parse(
      execFileSync('npm', pack, { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' }),
    ) as [{ filename: string; files: Array<{ path: string }> }]
    files = packed.files.map(({ path }) => path)
    installed = join(folder, 'node_modules', 'virtual-key')
    mkdirSync(installed, { recursive: true })
    execFileSync('tar', ['-xzf', join(folder, packed.filename), '-C', installed, '--strip-components=1'])
    for (const dependency of DEPENDENCIES) {
      mkdirSync(dirname(join(folder, dependency)), { recursive: true })
      symlinkSync(join(ROOT, dependency), join(folder, dependency))
    }
  })

  after(() => rmSync(folder, { recursive: true, force: true }))

  const server = () => join(installed, 'dist', 'plugins', 'virtual-key', 'server.js')

  it('holds what users run and read, and nothing else', () => {
    expect(files.filter((file) => !EXPECTED.some((pattern) => pattern.test(file)))).to.deep.equal([])
    expect(files).to.include.members(['LICENSE', 'README.md', 'CHANGELOG.md', 'docs/operations.md'])
  })

  it('holds every compiled file and Lua script of the folders that it serves', () => {
    const built = execFileSync(
      'find',
      ['dist/cli', 'dist/migrations', 'dist/plugins', 'dist/schema', '-name', '*.js', '-o', '-name', '*.lua'],
      { cwd: ROOT, encoding: 'utf8' },
    )
    expect(files).to.include.members(built.trim().split('\n'))
  })

  it('describes the plugin to Kong, in its own version', () => {
    const { stdout, stderr } = spawnSync(process.execPath, [server(), '--dump'], {
      env: {},
      encoding: 'utf8',
    })
    expect(stderr).to.equal('')
    const [plugin] = JSON.parse(stdout)
    expect(plugin).to.include({ Name: 'virtual-key', Version: MANIFEST.version })
  })

  it('serves Kong, and brings the command vk, which shows what was counted', async () => {
    const redis = await PrivateRedis.start()
    const child = spawn(process.execPath, [server(), '--kong-prefix', folder, '--sock-name', 's'], {
      env: {},
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    try {
      let output = ''
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
      await until('the plugin server', () => output.includes('serving'))
      const wire = await Wire.open(join(folder, 's'))
      await exchange(wire, await newInstance(wire, redis.port), 'settled')

      const vk = join(installed, MANIFEST.bin.vk ?? '')
      const { stdout, stderr } = spawnSync(process.execPath, [vk, 'usage', 'vk-abc', '--json'], {
        env: { REDIS_URL: `redis://127.0.0.1:${redis.port}` },
        encoding: 'utf8',
      })
      expect(stderr).to.equal('')
      expect(JSON.parse(stdout)).to.have.nested.include({ id: 'vk-abc', 'windows[0].tokens': 10 })
    } finally {
      child.kill('SIGKILL')
      await redis.stop()
    }
  })
})
