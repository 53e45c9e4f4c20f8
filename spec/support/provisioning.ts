import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { Redis } from 'ioredis'
import { PrivateRedis } from '../../dev/redis.ts'
import { AdminPlace } from './admin-place.ts'
import { type Ended, vk } from './vk.ts'

/** What `--json` prints. */
export interface Report {
  readonly dry_run: boolean
  readonly changes: ReadonlyArray<{
    readonly action: string
    readonly what: string
    readonly state: string
    readonly fields: ReadonlyArray<{ readonly field: string; readonly from?: unknown; readonly to?: unknown }>
  }>
  readonly kept: readonly string[]
  readonly notes: readonly string[]
  readonly key?: string
  readonly kong_yml?: string
  readonly error?: string
}

export interface CredentialSeen {
  readonly id: string
  readonly key: string
  readonly tags: readonly string[] | null
  readonly ttl?: number | null
}

export interface PluginSeen {
  readonly id: string
  readonly name: string
  readonly enabled: boolean
  readonly tags: readonly string[] | null
  readonly config: Record<string, unknown>
}

/** Everything that `vk` provisions: an Admin API and a Redis of its own. */
export class Provisioning {
  readonly kong: AdminPlace
  readonly redis: Redis
  readonly #server: PrivateRedis
  readonly #folder = mkdtempSync(join(tmpdir(), 'virtual-key-provisioning-'))
  #files = 0

  private constructor(kong: AdminPlace, server: PrivateRedis) {
    this.kong = kong
    this.#server = server
    this.redis = new Redis(server.port)
  }

  static async start(): Promise<Provisioning> {
    return new Provisioning(await AdminPlace.open(), await PrivateRedis.start())
  }

  get redisPort(): number {
    return this.#server.port
  }

  /** Runs `vk` with the Admin API and Redis. */
  run(...args: string[]): Promise<Ended> {
    return this.feed(undefined, ...args)
  }

  /** With a text on stdin. */
  feed(input: string | undefined, ...args: string[]): Promise<Ended> {
    const env = { KONG_ADMIN_URL: this.kong.url, REDIS_URL: this.#server.url }
    return vk(args, env, input)
  }

  /** With `--json`; it must have exit code 0. */
  async json(...args: string[]): Promise<Report> {
    const { code, stdout, stderr } = await this.run(...args, '--json')
    expect([code, stderr]).to.deep.equal([0, ''])
    return JSON.parse(stdout)
  }

  credentials(consumer: string): Promise<CredentialSeen[]> {
    return this.kong.list(`/consumers/${consumer}/key-auth`)
  }

  async plugin(scope: string, name: string): Promise<PluginSeen | undefined> {
    return (await this.kong.list<PluginSeen>(`${scope}/plugins`)).find((one) => one.name === name)
  }

  /** A file with this text. */
  file(text: string): string {
    const path = join(this.#folder, `file-${this.#files++}`)
    writeFileSync(path, text)
    return path
  }

  async stop(): Promise<void> {
    await this.kong.stop()
    this.redis.disconnect()
    await this.#server.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** What a report says of its changes, in short. */
export function told({ changes }: Report): string[] {
  return changes.map(
    ({ action, what, state }) => `${action} ${what.replace(/ [0-9a-f]{8}(?= of)|, made .*/g, '')} ${state}`,
  )
}
