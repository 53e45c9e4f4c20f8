import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { freePort } from './free-port.ts'

/** Unit: milliseconds. */
const START_TIMEOUT = 15_000

/**
 * A private Redis on a free loopback port, with a temporary folder that is deleted with it. It is never one that was running before. It
 * ends with this process, and does not keep the process from ending.
 */
export class PrivateRedis {
  readonly port: number
  readonly #folder: string
  readonly #options: readonly string[]
  #process: ChildProcess | undefined
  /** Also ends it when this process exits in the middle of something. */
  readonly #cleanUp = () => {
    this.#process?.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }

  private constructor(port: number, options: readonly string[]) {
    this.port = port
    this.#options = options
    this.#folder = mkdtempSync(join(tmpdir(), 'virtual-key-redis-'))
    process.once('exit', this.#cleanUp)
  }

  /** @param options of redis-server, such as `--appendonly yes` @throws Error that says in one line how to get Redis */
  static async start(options: readonly string[] = []): Promise<PrivateRedis> {
    for (let attempt = 1; ; attempt++) {
      const redis = new PrivateRedis(await freePort(), options)
      try {
        await redis.resume()
        return redis
      } catch (error) {
        await redis.stop()
        // Another process may have taken the port since it was found free.
        if (!(error instanceof PortTaken) || attempt === 5) throw error
      }
    }
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** Starts the server again with its data on disk. */
  async resume(): Promise<void> {
    const binary = await redisServer()
    const child = spawn(
      binary,
      [
        '--port',
        String(this.port),
        '--bind',
        '127.0.0.1',
        '--dir',
        this.#folder,
        '--save',
        '',
        ...this.#options,
      ],
      { stdio: 'ignore' },
    )
    child.unref()
    this.#process = child
    const client = new Redis({ port: this.port, lazyConnect: true, retryStrategy: () => 20 })
    client.on('error', () => undefined)
    try {
      const connected = client.connect().catch(() => undefined)
      const deadline = performance.now() + START_TIMEOUT
      while ((await Promise.race([connected.then(() => processId(client)), sleep(20)])) !== child.pid) {
        if (child.exitCode !== null) throw new PortTaken(`redis-server ended at once on port ${this.port}`)
        if (performance.now() > deadline)
          throw new Error(`redis-server did not come up on port ${this.port} within ${START_TIMEOUT} ms`)
        await sleep(5)
      }
    } finally {
      client.disconnect()
    }
  }

  /** Stops the process: connections stay open, and nothing is answered. */
  freeze(): void {
    this.#process?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#process?.kill('SIGCONT')
  }

  /** Ends the server and keeps its data. */
  async halt(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.ref()
    child.kill('SIGCONT')
    child.kill(signal)
    await gone
  }

  async stop(): Promise<void> {
    await this.halt('SIGKILL')
    process.off('exit', this.#cleanUp)
    this.#cleanUp()
  }
}

/** Process id of the server that answers; undefined while none does, or while it is still loading its data. */
async function processId(client: Redis): Promise<number | undefined> {
  try {
    await client.ping()
    return Number(/process_id:(\d+)/.exec(await client.info('server'))?.[1])
  } catch {
    return undefined
  }
}

/** The server ended at once, most likely because another one listens on its port. */
class PortTaken extends Error {}

/**
 * Path of the server that the environment variable REDIS_SERVER names (a path, or a program on PATH: `valkey-server`), else of
 * redis-server; installs Debian's package where that is possible and needed.
 * @throws Error that says in one line how to get Redis
 */
export async function redisServer(): Promise<string> {
  const { REDIS_SERVER } = process.env
  const found = onPath(REDIS_SERVER ?? 'redis-server')
  if (found !== undefined) return found
  if (REDIS_SERVER !== undefined)
    throw new Error(`REDIS_SERVER=${REDIS_SERVER} is no program that can be run`)
  const aptGet = onPath('apt-get')
  if (aptGet !== undefined && process.getuid?.() === 0) {
    const run = promisify(execFile)
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    await run(aptGet, ['update'], { env })
    await run(aptGet, ['install', '-y', '--no-install-recommends', 'redis-server'], { env })
    const installed = onPath('redis-server')
    if (installed !== undefined) return installed
  }
  throw new Error(
    'redis-server is missing: install it (Debian: apt-get install redis-server), or name another in REDIS_SERVER, or set REDIS_URL',
  )
}

/** The path of the file that runs as `program`. */
export function onPath(program: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => (program.includes('/') ? program : join(folder, program)))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}
