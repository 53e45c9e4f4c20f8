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

/** What a check looks through is not there. That is the finding of another check, which tells the detail. */
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
  /** undefined: no Admin API is named. */
  readonly admin: { readonly api: AdminApi; readonly url: string; readonly headers: Headers } | undefined
  /** undefined: webhooks are only asked whether they are there. */
  readonly signers: Signers | undefined
  /** Longest time for one check, in milliseconds. */
  readonly timeout: number
}

type Headers = Readonly<Record<string, string>>

/** What a Kong node tells of itself, by Kong's names. */
export interface KongNode {
  readonly version?: string
  readonly configuration?: { readonly database?: string }
  /** Of the machine or container. */
  readonly hostname?: string
}

/** Asked at once, so that they take connections of their own, and with them several of Kong's workers. */
const TRIES = 4

/** Where the operator sits: what can be seen from here. Each thing is looked at once, when the first check asks for it. */
export class DoctorContext {
  readonly options: DoctorOptions
  readonly #close: Array<() => void> = []
  readonly #seen = new Map<string, Promise<unknown>>()

  constructor(options: DoctorOptions) {
    this.options = options
  }

  /** Longest time for one step of a check, in milliseconds: a check of two steps must come to its end. */
  get step(): number {
    return Math.min(5000, this.options.timeout * 0.4)
  }

  /** @throws Unavailable, its detail what the client said */
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

  /** What each master says of itself; one without a cluster. @throws Unavailable */
  nodes(): Promise<readonly RedisNode[]> {
    return this.#once('nodes', async () => {
      const redis = await this.redis()
      return Promise.all((redis instanceof Cluster ? redis.nodes('master') : [redis]).map(lookAt))
    })
  }

  /** @throws Unavailable where no Admin API is named or it cannot be used */
  async admin(): Promise<AdminApi> {
    const { admin } = this.options
    if (admin === undefined) throw new Unavailable('Kong is not looked at: no --admin-url')
    const { trouble } = await this.adminStatus(admin)
    if (trouble !== undefined) throw new Unavailable("Kong's Admin API cannot be used")
    return admin.api
  }

  /** Never throws: whether it answers is what a check wants to know. */
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

  /** Plugin servers of which Redis has heard within a day. @throws Unavailable, ReplyError or a connection's Error */
  processes(): Promise<readonly KnownProcess[]> {
    return this.#once('processes', async () => knownProcesses(await this.redis()))
  }

  /** Kong's own answer to `GET /`; empty where it gives none. @throws Unavailable or Failure */
  node(): Promise<KongNode> {
    return this.#once('node', async () => {
      const admin = await this.admin()
      // Kong 3.9.1 answers 500 in the worker that started the plugin server: it cannot write down its own configuration there.
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

  /** Whether there is anything at all to be seen from here. */
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
    // Whoever asks sees a failure; a check that has run out of time no longer does.
    seen.catch(() => undefined)
    this.#seen.set(name, seen)
    return seen as Promise<T>
  }
}

/** Whether the Admin API answers, and what its answer tells without being read. */
export interface AdminStatus {
  /** Why it cannot be used. */
  readonly trouble?: string
  /** Of the header Server; an operator can turn that off. */
  readonly version?: string
  /** A node without a database says what configuration it has. */
  readonly dbless: boolean
}

/** Asks for /status, which answers where `GET /` does not. @param limit in milliseconds */
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
