import { randomBytes } from 'node:crypto'
import { PARTITIONS, partitionOf, totalName } from '../keys.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { Claim } from '../outbox/claim.ts'
import type { Link } from '../redis.ts'
import type { SpooledRecord, UsageSpool } from '../spool/usage-spool.ts'
import { isFinal } from './final.ts'
import type { KnownTotals } from './known.ts'
import { Losses } from './losses.ts'
import { Pauses } from './pauses.ts'
import { type Settled, type Settlement, type SettlementId, settle } from './settle.ts'
import { WaitingRoom } from './waiting-room.ts'

/** Usage records that wait in memory while Redis is away. About 5 MB. */
export const MOST_WAITING = 10_000
/** Usage records of one partition sent together when Redis is back. */
const BATCH = 100
/** Pauses between tries while Redis is away. Unit: milliseconds. */
const FIRST_PAUSE = 50
const LONGEST_PAUSE = 500
/** Between two looks for what processes that ended have left, and for records that are not written down yet. Unit: milliseconds. */
const LOOK_EVERY = 2000
/** Between two lines that say that records wait. Unit: milliseconds. */
const SAID_EVERY = 60_000

export interface SettlementsOptions {
  readonly link: Link
  /** Names this process; unique, and the consumer that takes over the alerts of its crossings. */
  readonly settler: string
  readonly known: KnownTotals
  readonly metrics: Metrics
  readonly log: Log
  /** Gets the alerts of this process's crossings. */
  readonly deliver: (claims: readonly Claim[]) => void
  /** Absent: what waits is lost with the process. */
  readonly spool?: UsageSpool | undefined
}

/** Settled now, or waiting for Redis and settled later, or lost: there is no room, or Redis's own data makes it impossible. */
export type Result =
  | Settled
  | { readonly state: 'waiting'; readonly trouble: Error }
  | { readonly state: 'dropped'; readonly reason: string }

/**
 * Settles each response once. While Redis is away usage records wait in order, bounded, in memory and in the spool, and are sent with
 * the same id when it is back, so that one whose reply was lost counts once too.
 */
export class Settlements {
  readonly #options: SettlementsOptions
  readonly #losses: Losses
  readonly #sequences = new Array<number>(PARTITIONS).fill(0)
  readonly #waiting = new WaitingRoom<SpooledRecord>(MOST_WAITING)
  /** Records that are on their way for the first time. */
  readonly #asked = new Set<SpooledRecord>()
  /** Partitions whose queue is being worked off. */
  readonly #drains = new Set<number>()
  readonly #pauses = new Pauses()
  readonly #looking: NodeJS.Timeout
  /** Why records wait, and when that was said. */
  #trouble: { readonly message: string; readonly said: number } | undefined
  /** The process may be killed at any moment. */
  #ending = false
  #stopped = false
  #lastSettled: number | undefined

  constructor(options: SettlementsOptions) {
    this.#options = options
    this.#losses = new Losses(options.log)
    // A new connection may be the one that leads to a master.
    options.link.redis.on('ready', () => this.#pauses.end())
    this.#looking = setInterval(() => this.#look(), LOOK_EVERY).unref()
    this.#look()
  }

  /** Records in memory that wait for Redis. */
  get waiting(): number {
    return this.#waiting.size
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
    return this.#waiting.size === 0 && redis.status === 'ready'
  }

  /**
   * @param service the label of alerts where it costs nothing to know
   * @param label asks for it where not: only before a crossing, or where the record has to wait
   */
  async settle(
    settlement: Settlement,
    service: string | undefined,
    label: () => Promise<string>,
  ): Promise<Result> {
    const partition = partitionOf(settlement.keyId)
    const id = this.#nextId(partition)
    const { redis, opened } = this.#options.link
    if (redis.status !== 'ready') await opened
    const one: SpooledRecord = { record: { id, settlement, ...(service === undefined ? {} : { service }) } }
    this.#asked.add(one)
    if (this.#ending) this.#options.spool?.keep(one)
    try {
      return await this.#first(one, partition, label)
    } finally {
      this.#asked.delete(one)
    }
  }

  async #first(one: SpooledRecord, partition: number, label: () => Promise<string>): Promise<Result> {
    const { service } = one.record
    let trouble: unknown = new Error('Redis is away')
    if (this.#options.link.redis.status === 'ready' && this.#waiting.isEmpty(partition)) {
      try {
        let settled = await this.#apply(one, service)
        if (settled.state === 'unlabelled') settled = await this.#apply(one, await labelOf(label))
        this.#options.spool?.settled(one)
        return settled
      } catch (error) {
        trouble = error
      }
    }
    if (isFinal(trouble)) return this.#drop(one, (trouble as Error).message)
    one.record = { ...one.record, service: service ?? (await labelOf(label)) }
    return this.#wait(one, trouble as Error)
  }

  /** From now on the process may be killed at any moment: every record of which Redis has not told the end is written down. */
  secure(): void {
    this.#ending = true
    for (const one of this.#asked) this.#options.spool?.keep(one)
    this.#look()
  }

  /** Sends what waits, for at most `patience` milliseconds. Then what the spool holds stays there, and the rest is lost; both are said. */
  async stop(patience: number): Promise<void> {
    this.secure()
    const deadline = performance.now() + patience
    while (this.#waiting.size > 0 && performance.now() < deadline)
      await new Promise((wake) => setTimeout(wake, 20))
    this.#stopped = true
    clearInterval(this.#looking)
    this.#pauses.end()
    const { spool, log } = this.#options
    const left = this.#waiting.clear()
    for (const one of left) if (one.segment === undefined) this.#drop(one, 'the process ends')
    if (spool !== undefined && spool.size > 0) {
      log.critical(
        `usage records that wait in ${spool.path} for the next process that uses this Redis: ${spool.size}`,
      )
    }
    spool?.close()
    this.#losses.flush()
  }

  #nextId(partition: number): SettlementId {
    const sequence = this.#sequences[partition] ?? 0
    this.#sequences[partition] = sequence + 1
    return { settler: this.#options.settler, sequence }
  }

  async #apply({ record }: SpooledRecord, service: string | undefined): Promise<Settled> {
    const { link, known, metrics, settler, deliver } = this.#options
    const { id, settlement } = record
    const settled = await settle(link.redis, id, settlement, service, known, settler)
    if (settled.state === 'unlabelled') return settled
    if (settled.state === 'settled') {
      const { window, total } = settled.standing
      known.set(totalName(settlement.keyId, window.label), { epoch: settled.epoch, total })
    } else {
      metrics.add('duplicates')
    }
    this.#crossed(settlement.keyId, settled)
    this.#lastSettled = Date.now()
    metrics.add('settled')
    metrics.add('tokens', settlement.tokens)
    if (settlement.estimated) {
      metrics.add('estimated')
      metrics.add('tokens_estimated', settlement.tokens)
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
    this.#options.metrics.add('crossings', crossed.length)
    if (!silent) return
    this.#options.log.critical(
      `key ${JSON.stringify(keyId)} crossed ${crossed.join(', ')} with ${total} tokens, and has no webhook`,
    )
  }

  #wait(one: SpooledRecord, trouble: Error): Result {
    const { metrics, spool } = this.#options
    this.#tell(trouble)
    if (this.#stopped) {
      // The queue is closed; the spool takes it, or nobody.
      spool?.keep(one)
      return one.segment === undefined ? this.#drop(one, 'the process ends') : { state: 'waiting', trouble }
    }
    // Behind what the spool holds already, and where memory is full.
    const beyond = spool?.pending || this.#waiting.size >= MOST_WAITING
    if (beyond && one.segment === undefined && spool?.put(one.record)) {
      metrics.add('queued')
      return { state: 'waiting', trouble }
    }
    if (!this.#enter(one)) return this.#drop(one, `${MOST_WAITING} usage records wait for Redis already`)
    metrics.add('queued')
    spool?.keep(one)
    return { state: 'waiting', trouble }
  }

  #enter(one: SpooledRecord): boolean {
    const partition = partitionOf(one.record.settlement.keyId)
    if (!this.#waiting.enter(partition, one)) return false
    if (!this.#drains.has(partition)) {
      this.#drains.add(partition)
      void this.#drain(partition)
    }
    return true
  }

  /** Says why records wait: at once, and then once a minute with their number. */
  #tell({ message }: Error): void {
    const now = performance.now()
    if (this.#trouble !== undefined && now - this.#trouble.said < SAID_EVERY) return
    const { log } = this.#options
    if (this.#trouble === undefined) log.warn(`usage records wait: ${message}`)
    else
      log.critical(
        `${this.#waiting.size} usage records wait in memory, ${this.spooled} in the spool: ${message}`,
      )
    this.#trouble = { message, said: now }
  }

  #drop(one: SpooledRecord, reason: string): Result {
    const { keyId, tokens } = one.record.settlement
    this.#options.spool?.settled(one)
    this.#options.metrics.add('uncounted_dropped')
    this.#losses.add(keyId, tokens, reason)
    return { state: 'dropped', reason }
  }

  /** What waits in memory is written down where it was not yet, and what waits on disk is read where there is room. */
  #look(): void {
    const { spool } = this.#options
    if (spool === undefined) return
    for (const one of this.#waiting.all()) spool.keep(one)
    spool.takeOver()
    this.#refill()
  }

  #refill(): void {
    for (;;) {
      const records = this.#options.spool?.take(MOST_WAITING - this.#waiting.size)
      if (records === undefined) return
      for (const one of records) this.#enter(one)
    }
  }

  async #drain(partition: number): Promise<void> {
    const { redis } = this.#options.link
    let failures = 0
    while (!this.#waiting.isEmpty(partition) && !this.#stopped) {
      if (failures > 0 || redis.status !== 'ready') {
        await this.#pauses.pause(Math.min(FIRST_PAUSE * 2 ** failures, LONGEST_PAUSE))
      }
      if (redis.status !== 'ready') continue
      const batch = this.#waiting.eldest(partition, BATCH)
      const left = (await Promise.all(batch.map((one) => this.#tryAgain(one)))).filter(
        (one) => one !== undefined,
      )
      if (this.#stopped) return
      this.#waiting.leave(partition, batch.length, left)
      this.#refill()
      failures = left.length > 0 ? failures + 1 : 0
    }
    // In one step with the look at the queue: whoever comes now starts anew.
    this.#drains.delete(partition)
    if (this.#waiting.size > 0 || this.#trouble === undefined || this.#stopped) return
    this.#trouble = undefined
    this.#options.log.info('no usage record waits any more')
  }

  /** The record if it has to be tried once more. */
  async #tryAgain(one: SpooledRecord): Promise<SpooledRecord | undefined> {
    try {
      await this.#apply(one, one.record.service ?? '')
      this.#options.spool?.settled(one)
    } catch (error) {
      if (!isFinal(error)) {
        this.#tell(error as Error)
        return one
      }
      this.#drop(one, (error as Error).message)
    }
    return undefined
  }
}

/** Tokens count even where nobody can say for which service. */
function labelOf(label: () => Promise<string>): Promise<string> {
  return label().catch(() => '')
}

/** A name that no other process has. */
export function newSettler(): string {
  return randomBytes(8).toString('hex')
}
