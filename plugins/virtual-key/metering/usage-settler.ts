import { randomBytes } from 'node:crypto'
import type { Claim } from '../outbox/claim.ts'
import type { Link } from '../redis/connection.ts'
import { isFinal } from '../redis/final.ts'
import { PARTITIONS, partitionOf, totalName } from '../redis/names.ts'
import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { LossLog } from '../telemetry/uncounted-log.ts'
import type { CounterSnapshots } from './counter-snapshots.ts'
import { LossWatch } from './loss-watch.ts'
import { type Settled, settle } from './settle.ts'
import type { SpooledRecord, UsageSpool } from './spool/usage-spool.ts'
import { UsageQueue } from './usage-queue.ts'
import type { NewUsageRecord, RecordId, UsageRecord } from './usage-record.ts'

export interface UsageSettlerOptions {
  readonly link: Link
  /** Names this process; unique, and the consumer that takes over the alerts of its crossings. */
  readonly processId: string
  readonly known: CounterSnapshots
  readonly metrics: Metrics
  readonly log: Log
  /** Gets the alerts of this process's crossings. */
  readonly deliver: (claims: readonly Claim[]) => void
  /** Absent: what waits for Redis is lost with the process. */
  readonly spool?: UsageSpool | undefined
}

/** Settled now, or waiting for Redis and settled later, or lost: there is no room, or Redis's own data makes it impossible. */
export type SettleResult =
  | Settled
  | { readonly state: 'waiting'; readonly trouble: Error }
  | { readonly state: 'dropped'; readonly reason: string }

/**
 * Settles each response once. While Redis is away usage records wait in order, and are sent with the same id when it is back, so that
 * one whose reply was lost counts once too.
 */
export class UsageSettler {
  readonly #options: UsageSettlerOptions
  readonly #losses: LossLog
  readonly #lossWatch: LossWatch
  readonly #sequences = new Array<number>(PARTITIONS).fill(0)
  readonly #queue: UsageQueue
  /** Records that are on their way for the first time. */
  readonly #asked = new Set<SpooledRecord>()
  /** The process may be killed at any moment. */
  #ending = false
  #lastSettled: number | undefined

  constructor(options: UsageSettlerOptions) {
    const { link, metrics, log, spool } = options
    this.#options = options
    this.#losses = new LossLog(log)
    this.#lossWatch = new LossWatch(options)
    this.#queue = new UsageQueue({
      redis: link.redis,
      metrics,
      log,
      spool,
      tryAgain: (one) => this.#tryAgain(one),
    })
  }

  /** Records in memory that wait for Redis. */
  get waiting(): number {
    return this.#queue.size
  }

  /** When Redis last had one, in milliseconds since 1970; undefined: not yet. */
  get lastSettled(): number | undefined {
    return this.#lastSettled
  }

  /** Records that the spool holds. */
  get spooled(): number {
    return this.#options.spool?.size ?? 0
  }

  /** Whether Redis answers, as far as is known without asking. Waits only while the process's first connection is being made. */
  async available(): Promise<boolean> {
    const { redis, opened } = this.#options.link
    if (redis.status !== 'ready') await opened
    return this.#queue.size === 0 && redis.status === 'ready'
  }

  /**
   * @param label asks for the service where the record does not name it: only before a crossing, or where the record has to wait
   */
  async settle(record: NewUsageRecord, label: () => Promise<string>): Promise<SettleResult> {
    const partition = partitionOf(record.keyId)
    const id = this.#nextId(partition)
    const { link, spool } = this.#options
    if (link.redis.status !== 'ready') await link.opened
    const one: SpooledRecord = { record: { id, ...record } }
    this.#asked.add(one)
    if (this.#ending) spool?.keep(one)
    try {
      return await this.#first(one, partition, label)
    } finally {
      this.#asked.delete(one)
    }
  }

  /** From now on the process may be killed at any moment: every record of which Redis has not told the end is written down. */
  secure(): void {
    this.#ending = true
    for (const one of this.#asked) this.#options.spool?.keep(one)
    this.#queue.look()
  }

  /** Sends what waits, for at most `timeout` milliseconds. What the spool holds then stays there, the rest is lost; both are said. */
  async stop(timeout: number): Promise<void> {
    const { spool, log } = this.#options
    this.secure()
    for (const one of await this.#queue.stop(timeout)) this.#drop(one, 'the process ends')
    this.#lossWatch.stop()
    const left = spool?.size ?? 0
    if (left > 0)
      log.warn(`usage records that wait in ${spool?.path} for the next process that uses this Redis: ${left}`)
    spool?.close()
    this.#losses.flush()
  }

  #nextId(partition: number): RecordId {
    const sequence = this.#sequences[partition] ?? 0
    this.#sequences[partition] = sequence + 1
    return { processId: this.#options.processId, sequence }
  }

  async #first(one: SpooledRecord, partition: number, label: () => Promise<string>): Promise<SettleResult> {
    let trouble: unknown = new Error('Redis is away')
    if (this.#options.link.redis.status === 'ready' && this.#queue.isEmpty(partition)) {
      try {
        let settled = await this.#apply(one.record)
        if (settled.state === 'unlabelled')
          settled = await this.#apply({ ...one.record, service: await labelOf(label) })
        this.#options.spool?.settled(one)
        return settled
      } catch (error) {
        trouble = error
      }
    }
    if (isFinal(trouble)) return this.#drop(one, (trouble as Error).message)
    one.record = { ...one.record, service: one.record.service ?? (await labelOf(label)) }
    const refused = this.#queue.add(one, trouble as Error)
    return refused === undefined ? { state: 'waiting', trouble: trouble as Error } : this.#drop(one, refused)
  }

  async #tryAgain(one: SpooledRecord): Promise<Error | undefined> {
    try {
      await this.#apply({ ...one.record, service: one.record.service ?? '' })
      this.#options.spool?.settled(one)
    } catch (error) {
      if (!isFinal(error)) return error as Error
      this.#drop(one, (error as Error).message)
    }
    return undefined
  }

  async #apply(record: UsageRecord): Promise<Settled> {
    const { link, known, metrics, processId, deliver } = this.#options
    const settled = await settle(link.redis, record, known, processId)
    if (settled.state === 'unlabelled') return settled
    if (settled.state === 'settled') {
      const { window, total } = settled.quota
      const { keyId } = settled
      if (keyId !== record.keyId) metrics.add('overflowed')
      known.set(totalName(keyId, window.label), { keyId, epoch: settled.epoch, total, end: window.end })
    } else {
      metrics.add('duplicates')
    }
    this.#crossed(record.keyId, settled)
    this.#lastSettled = Date.now()
    metrics.add('settled')
    // Of an answer that was counted before, only what it has beyond that.
    const added = settled.state === 'settled' ? settled.total - settled.previous : record.tokens
    metrics.add('tokens', added)
    if (record.estimated) {
      metrics.add('estimated')
      metrics.add('tokens_estimated', added)
    }
    if (settled.claims.length > 0) deliver(settled.claims)
    return settled
  }

  /** Counts a crossing, and says it where no webhook does: also where the record had to wait, or the first reply was lost. */
  #crossed(
    keyId: string,
    { crossed, silent, total }: Exclude<Settled, { readonly state: 'unlabelled' }>,
  ): void {
    if (crossed.length === 0) return
    const { metrics, log } = this.#options
    metrics.add('crossings', crossed.length)
    if (!silent) return
    log.critical(
      `key ${JSON.stringify(keyId)} crossed ${crossed.join(', ')} with ${total} tokens, and has no webhook`,
    )
  }

  #drop(one: SpooledRecord, reason: string): SettleResult {
    const { keyId, tokens } = one.record
    this.#options.spool?.settled(one)
    this.#options.metrics.add('uncounted_dropped')
    this.#losses.add(keyId, tokens, reason)
    return { state: 'dropped', reason }
  }
}

/** Tokens count even where nobody can say for which service. */
function labelOf(label: () => Promise<string>): Promise<string> {
  return label().catch(() => '')
}

/** A name that no other process has. */
export function newProcessId(): string {
  return randomBytes(8).toString('hex')
}
