import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { onPath, PrivateRedis } from '../../dev/redis.ts'
import { AdminApiDouble } from '../support/admin-api.ts'
import { PrivateSentinels } from '../support/private-sentinels.ts'
import { ROOT } from '../support/root.ts'

export interface Typed {
  readonly code: number
  readonly output: string
}

/** What a page supposes to be there before its first command. */
interface Before {
  /** Paths of the Admin API and what is put there. */
  readonly kong?: Readonly<Record<string, unknown>>
  /** Files in the reader's folder. */
  readonly files?: Readonly<Record<string, string>>
  readonly sentinels?: true
}

const OPENAI = {
  '/services/openai': { url: 'https://api.openai.com' },
  '/services/openai/routes/chat': { paths: ['/v1'], strip_path: false },
}

/** The table of the hand-made proxy, as psql prints it. */
const TABLE = `id,key,scope,rate_limit,expires_at,one_shot,used,token_budget,alert_threshold
intern,sk-old-intern,write,,2026-01-31 18:00:00+00,f,f,,
batch,sk-old-batch,write,60,,f,f,,
dashboard,sk-old-dashboard,readonly,,,f,f,,
invite-1,sk-old-invite-1,write,,,t,t,,
billing,sk-old-billing,all,,,f,f,100,50
invite-2,sk-old-invite-2,write,,,t,f,,
`
const BAD_ROW = 'admin,sk-old-admin,admin,,,f,f,,\n'

const BEFORE: Readonly<Record<string, Before>> = {
  'README.md': { kong: OPENAI },
  'docs/keys-and-budgets.md': { kong: OPENAI },
  'docs/operations.md': { sentinels: true },
  'docs/from-a-hand-made-proxy.md': {
    files: {
      // Somebody takes the bad row away after the first look.
      'table.csv': TABLE + BAD_ROW,
      'corrected.csv': TABLE,
      'vk-key.lua': 'local bearer = kong.request.get_header("authorization")',
    },
  },
}

/** Types the commands of one page into a shell, in a folder and with servers of its own; what one exports, the next one sees. */
export class Reader {
  readonly #redis: PrivateRedis
  readonly #kong: AdminApiDouble
  readonly #sentinels: PrivateSentinels | undefined
  readonly #folder = mkdtempSync(join(tmpdir(), 'virtual-key-reader-'))
  /** Environment variables between two blocks, as shell text. */
  readonly #state = join(this.#folder, '.exported')

  private constructor(redis: PrivateRedis, kong: AdminApiDouble, sentinels?: PrivateSentinels) {
    this.#redis = redis
    this.#kong = kong
    this.#sentinels = sentinels
    writeFileSync(this.#state, `export REDIS_URL=${redis.url}\n`)
  }

  static async start(page: string): Promise<Reader> {
    const { kong = {}, files = {}, sentinels } = BEFORE[page] ?? {}
    const reader = new Reader(
      await PrivateRedis.start(),
      await AdminApiDouble.start(),
      sentinels && (await PrivateSentinels.start()),
    )
    try {
      for (const [path, value] of Object.entries(kong)) await reader.#put(path, value)
      for (const [name, text] of Object.entries(files)) writeFileSync(join(reader.#folder, name), text)
      reader.#programs()
      return reader
    } catch (error) {
      await reader.stop()
      throw error
    }
  }

  /** One block, with the places that a page names replaced by the reader's own. */
  type(block: string): Promise<Typed> {
    const text = `exec 2>&1\n. ./.exported\nset -eo pipefail\n${this.#here(block)}\nexport -p > .exported\n`
    const env = { PATH: `${join(this.#folder, '.bin')}${delimiter}${process.env.PATH}`, HOME: this.#folder }
    return new Promise((done) => {
      execFile('bash', ['-c', text], { cwd: this.#folder, env }, (error, output) =>
        done({ code: error === null ? 0 : Number(error.code ?? -1), output }),
      )
    })
  }

  async stop(): Promise<void> {
    await this.#kong.stop()
    await this.#redis.stop()
    await this.#sentinels?.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #here(text: string): string {
    return text
      .replaceAll(/http:\/\/(?:localhost|127\.0\.0\.1):8001/g, this.#kong.url)
      .replaceAll('redis://redis.internal', this.#redis.url)
      .replaceAll('-p 26379', `-p ${this.#sentinels?.config.sentinel_nodes?.[0]?.port}`)
      .replaceAll('"host":"redis.internal"', `"host":"127.0.0.1","port":${this.#redis.port}`)
  }

  async #put(path: string, value: unknown): Promise<void> {
    const { status } = await fetch(`${this.#kong.url}${path}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(value),
    })
    if (status > 299) throw new Error(`PUT ${path}: ${status}`)
  }

  /** What a reader has on PATH: vk; redis-cli, for this Redis; curl, which here fails where Kong refuses; psql, which prints the table. */
  #programs(): void {
    const folder = join(this.#folder, '.bin')
    mkdirSync(folder)
    const program = (name: string, command: string) => {
      writeFileSync(join(folder, name), `#!/bin/sh\nexec ${command} "$@"\n`)
      chmodSync(join(folder, name), 0o755)
    }
    program('vk', `"${process.execPath}" "${resolve(ROOT, 'dist', 'cli', 'main.js')}"`)
    const [cli, curl] = [onPath('redis-cli'), onPath('curl')]
    if (cli !== undefined) program('redis-cli', `${cli} -p ${this.#redis.port} -e`)
    if (curl !== undefined) program('curl', `${curl} --no-progress-meter --fail-with-body`)
    program('psql', `sh -c 'cat table.csv; mv -f corrected.csv table.csv 2>/dev/null; true'`)
  }
}
