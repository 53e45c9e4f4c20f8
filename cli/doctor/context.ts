import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster } from 'ioredis'
import { type Dispatcher, request } from 'undici'
import type { Signers } from '../../plugins/virtual-key/outbox/dispatcher.ts'
import { connect } from '../../plugins/virtual-key/redis/connection.ts'
import { type KnownProcess, knownProcesses } from '../../plugins/virtual-key/redis/heartbeat.ts'
import type { Connection } from '../../plugins/virtual-key/redis/script.ts'
import { lineLog } from '../../plugins/virtual-key/telemetry/log.ts'
import type { RedisConfig } from '../../schema/config.ts'
import { type AdminApi, AdminError } from '../provisioning/admin-api.ts'
import { type Gateway, readGateway } from './gateway.ts'
import { type OutboxView, viewOutbox } from './outbox-view.ts'
import { lookAt, type RedisNode } from './redis-node.ts'

/** Something that a check needs is not available. Another check reports that, with the detail. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable'
  readonly detail: string

  constructor(message: string, detail = message) {
    super(message)
    this.detail = detail
  }
}

export interface DoctorOptions {
  readonly redis: RedisConfig
  /** undefined if no Admin API is named. */
  readonly admin: { readonly api: AdminApi; readonly url: string; readonly headers: Headers } | undefined
  /** undefined if webhooks get no test, and the check only finds out whether they can be reached. */
  readonly signers: Signers | undefined
  /** Longest time for one check, in milliseconds. */
  readonly timeout: number
}

type Headers = Readonly<Record<string, string>>

/** What a Kong node reports about itself, by Kong's names. */
export interface KongNode {
  readonly version?: string
  readonly configuration?: { readonly database?: string }
  /** Name of the machine or container. */
  readonly hostname?: string
}

/** Number of requests at once: each has a connection of its own, so that they reach several of Kong's workers. */
const TRIES = 4

/** What can be seen from the operator's machine. Each thing is read once, when the first check needs it. */
export class DoctorContext {
  readonly options: DoctorOptions
  readonly #close: Array<() => void> = []
  readonly #seen = new Map<string, Promise<unknown>>()

  constructor(options: DoctorOptions) {
    this.options = options
  }

  /** Longest time for one step of a check, in milliseconds, so that a check of two steps can finish in time. */
  get step(): number {
    return Math.min(5000, this.options.timeout * 0.4)
  }

  /** @throws Unavailable with the client's message as its detail */
  redis(): Promise<Connection> {
    return this.#once('redis', async () => {
      let trouble = ''
      const log = { ...lineLog(() => undefined), warn: keep, error: keep }
      function keep(message: string): void {
        trouble ||= message
      }
      const { redis, opened } = connect({ ...this.options.redis, timeout: this.step }, log, false)
      this.#close.push(() => redis.disconnect())
      await opened
      if (redis.status !== 'ready')
        throw new Unavailable(
          'Redis cannot be used',
          trouble || `Redis does not answer within ${this.step} ms`,
        )
      return redis
    })
  }

  /** What each master reports about itself; without a cluster there is one. @throws Unavailable */
  nodes(): Promise<readonly RedisNode[]> {
    return this.#once('nodes', async () => {
      const redis = await this.redis()
      return Promise.all((redis instanceof Cluster ? redis.nodes('master') : [redis]).map(lookAt))
    })
  }

  /** @throws Unavailable if no Admin API is named or it cannot be used */
  async admin(): Promise<AdminApi> {
    const { admin } = this.options
    if (admin === undefined) throw new Unavailable('Kong is not looked at: no --admin-url')
    const { trouble } = await this.adminStatus(admin)
    if (trouble !== undefined) throw new Unavailable("Kong's Admin API cannot be used")
    return admin.api
  }

  /** Never throws, because a check has to find out whether it answers. */
  adminStatus({ api, url, headers }: NonNullable<DoctorOptions['admin']>): Promise<AdminStatus> {
    return this.#once('admin', () => statusOf(url, headers, this.step, api.dispatcher))
  }

  /** Everything of Kong's configuration that matters here. @throws Unavailable, AdminError or Failure */
  gateway(): Promise<Gateway> {
    return this.#once('gateway', async () => readGateway(await this.admin()))
  }

  /** @throws Unavailable, ReplyError or a connection's Error */
  outbox(): Promise<OutboxView> {
    return this.#once('outbox', async () => viewOutbox(await this.redis()))
  }

  /** Plugin servers that have written to Redis within a day. @throws Unavailable, ReplyError or a connection's Error */
  processes(): Promise<readonly KnownProcess[]> {
    return this.#once('processes', async () => knownProcesses(await this.redis()))
  }

  /** Kong's answer to `GET /`; empty if there is none. @throws Unavailable or Failure */
  node(): Promise<KongNode> {
    return this.#once('node', async () => {
      const admin = await this.admin()
      // Kong 3.9.1 answers 500 in the worker that started the plugin server, because it cannot serialise its own configuration there.
      const tries = Array.from({ length: TRIES }, () =>
        admin.get<KongNode>('/').catch((error: unknown) => {
          if (error instanceof AdminError) return undefined
          throw error
        }),
      )
      const timeout = sleep(this.step, [], { ref: false })
      const answers = await Promise.race([Promise.all(tries), timeout])
      return answers.find((one) => one !== undefined) ?? {}
    })
  }

  /** Whether anything could be reached from here. */
  reaches(): Promise<boolean> {
    return Promise.any([this.redis(), this.admin()]).then(
      () => true,
      () => false,
    )
  }

  close(): void {
    for (const close of this.#close) close()
  }

  #once<T>(name: string, look: () => Promise<T>): Promise<T> {
    const seen = this.#seen.get(name) ?? look()
    // A caller gets the failure; after a check has run out of time there may be none.
    seen.catch(() => undefined)
    this.#seen.set(name, seen)
    return seen as Promise<T>
  }
}

/** Whether the Admin API answers, and what the headers of its answer say. */
export interface AdminStatus {
  /** Why it cannot be used. */
  readonly trouble?: string
  /** Version in the header Server, which an operator can turn off. */
  readonly version?: string
  /** Whether the node runs without a database: then it reports a hash of its configuration. */
  readonly dbless: boolean
}

/** Requests /status, which answers even if `GET /` does not. @param limit in milliseconds */
export async function statusOf(
  url: string,
  headers: Readonly<Record<string, string>>,
  limit: number,
  dispatcher?: Dispatcher,
): Promise<AdminStatus> {
  try {
    const answer = await request(`${url.replace(/\/+$/, '')}/status`, {
      headers,
      ...(dispatcher === undefined ? {} : { dispatcher }),
      signal: AbortSignal.timeout(limit),
    })
    const text = await answer.body.text()
    if (answer.statusCode === 401 || answer.statusCode === 403) {
      return { trouble: `it answers ${answer.statusCode}`, dbless: false }
    }
    const [, version] = /^kong\/(\S+)/.exec(String(answer.headers.server ?? '')) ?? []
    const dbless = text.includes('"configuration_hash"')
    return { dbless, ...(version === undefined ? {} : { version }) }
  } catch (error) {
    const { name, message, code } = error as Error & { code?: string }
    const trouble = name === 'TimeoutError' ? `no answer within ${limit} ms` : message || code || name
    return { trouble, dbless: false }
  }
}
