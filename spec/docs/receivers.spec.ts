import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { Webhook } from 'standardwebhooks'
import { freePort } from '../../dev/free-port.ts'
import { onPath } from '../../dev/redis.ts'
import { ROOT } from '../support/root.ts'
import { until } from '../support/until.ts'
import { vk } from '../support/vk.ts'
import { blocksOf } from './pages.ts'

const SECRET = 'whsec_c2FtcGxlIHNlY3JldCwgbm90IGZvciBwcm9kdWN0aW9u'
const ANOTHER = 'whsec_YW5vdGhlciBzZWNyZXQsIG5vdCBmb3IgcHJvZHVjdGlvbiBlaXRoZXI='
const GO_MODULE = 'github.com/standard-webhooks/standard-webhooks/libraries'

interface Language {
  readonly language: string
  readonly file: string
  readonly build?: readonly [string, ...string[]]
  /** Program and arguments that run the file in its folder. */
  readonly run: readonly string[]
  /** Makes the official library reachable from the folder. @throws Error where it is not to be had here */
  prepare(folder: string): Promise<void>
}

const shell = (folder: string, program: string, ...args: string[]) =>
  promisify(execFile)(program, args, {
    cwd: folder,
    env: { ...process.env, GOFLAGS: '-mod=mod' },
    timeout: 30_000,
  })

const LANGUAGES: readonly Language[] = [
  {
    language: 'js',
    file: 'receiver.mjs',
    run: [process.execPath, 'receiver.mjs'],
    prepare: async (folder) => symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules')),
  },
  {
    language: 'python',
    file: 'receiver.py',
    run: ['python3', 'receiver.py'],
    prepare: async (folder) => {
      if (onPath('python3') === undefined) throw new Error('python3 is not installed')
      await shell(folder, 'python3', '-c', 'import standardwebhooks').catch(() => {
        throw new Error('the Python package standardwebhooks is not installed')
      })
    },
  },
  {
    language: 'go',
    file: 'receiver.go',
    build: ['go', 'build', '-o', 'receiver', 'receiver.go'],
    run: ['./receiver'],
    prepare: async (folder) => {
      if (onPath('go') === undefined) throw new Error('go is not installed')
      await shell(folder, 'go', 'mod', 'init', 'example.com/receiver')
      await shell(folder, 'go', 'get', GO_MODULE)
        .then(() => shell(folder, 'go', 'build', `${GO_MODULE}/go`))
        .catch(() => {
          throw new Error(`${GO_MODULE} cannot be had here, or not be built by this go`)
        })
    },
  },
]

/** Each receives what `vk alerts test` signs and sends, as docs/alerts.md tells a reader to try. */
describe('Receivers of docs/alerts.md', function () {
  this.timeout(120_000)

  for (const { language, file, build, run, prepare } of LANGUAGES)
    describe(file, () => {
      let folder: string
      let url: string
      let receiver: ChildProcess | undefined
      let output = ''

      before(async function () {
        const [block] = blocksOf('docs/alerts.md').filter((one) => one.language === language)
        if (block === undefined) throw new Error(`docs/alerts.md has no receiver in ${language}`)
        folder = mkdtempSync(join(tmpdir(), 'virtual-key-receiver-'))
        writeFileSync(join(folder, file), block.text)
        try {
          await prepare(folder)
        } catch (error) {
          this.test?.parent?.tests.forEach((test) => {
            test.title += ` (${(error as Error).message})`
          })
          this.skip()
        }
        if (build) await shell(folder, ...build)
        const port = await freePort()
        const [program = '', ...args] = run
        const env = { ...process.env, SECRET, PORT: String(port) }
        receiver = spawn(program, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'ignore'] })
        receiver.stdout?.on('data', (text) => {
          output += text
        })
        url = `http://127.0.0.1:${port}`
        await until('the receiver', () => listens(port))
      })

      after(() => {
        receiver?.kill()
        rmSync(folder, { recursive: true, force: true })
      })

      const test = (secret: string) =>
        vk(['alerts', 'test', 'vk-abc', '--url', url, '--allow-private-networks'], {
          VIRTUAL_KEY_SECRETS: secret,
        })

      it('takes an alert that is signed with its secret', async () => {
        const { code, stdout, stderr } = await test(SECRET)
        expect([code, stderr]).to.deep.equal([0, ''])
        expect(stdout).to.include('answered 204')
        await until('its line', () => output.includes('\n'))
        expect(output).to.equal('test: vk-abc\n')
      })

      it('answers 400 where the signature is of another secret, and shows nothing', async () => {
        const before = output
        const { code, stderr } = await test(ANOTHER)
        expect(code).to.equal(1)
        expect(stderr).to.include('answered 400')
        expect(output).to.equal(before)
      })

      it('shows an alert once that comes twice under one id', async () => {
        const before = output
        const [id, at] = ['vk_twice', Math.floor(Date.now() / 1000)]
        const body = JSON.stringify({ event: 'test', key_id: 'vk-twice' })
        const headers = {
          'webhook-id': id,
          'webhook-timestamp': String(at),
          'webhook-signature': new Webhook(SECRET).sign(id, new Date(at * 1000), body),
        }
        for (let i = 0; i < 2; i++) {
          const { status } = await fetch(url, { method: 'POST', headers, body })
          expect(status).to.equal(204)
        }
        await until('its line', () => output.length > before.length)
        expect(output.slice(before.length)).to.equal('test: vk-twice\n')
      })
    })
})

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(port, '127.0.0.1')
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
}
