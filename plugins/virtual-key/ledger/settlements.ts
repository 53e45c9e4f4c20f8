import { randomBytes } from 'node:crypto'
import { PARTITIONS, partitionOf, totalName } from '../keys.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { Claim } from '../outbox/claim.ts'
import type { Link } from '../redis.ts'
import { isFinal } from './final.ts'
import type { KnownTotals } from './known.ts'
import { Losses } from './losses.ts'
import { type Settled, type Settlement, type SettlementId, settle } from './settle.ts'
import { WaitingRoom } from './waiting-room.ts'

/** Settlements that wait in memory while Redis is away. About 5 MB. */
export const MOST_WAITING = 10_000
/** Settlements of one partition sent together when Redis is back. */
const BATCH = 100
/** Pauses between tries while Redis is away. Unit: milliseconds. */
const FIRST_PAUSE = 50
const LONGEST_PAUSE = 500

interface Waiting {
  readonly id: SettlementId
  readonly settlement: Settlement
  readonly service: string
}

export interface SettlementsOptions {
  readonly link: Link
  /** Names this process; unique, and the consumer that takes over the alerts of its crossings. */
  readonly settler: string
  readonly known: KnownTotals
  readonly metrics: Metrics
  readonly log: Log
  /** Gets the alerts of this process's crossings. */
  readonly deliver: (claims: readonly Claim[]) => void
}

/** Settled now, or waiting for Redis and settled later, or lost: the room is full or Redis refuses it for good. */
export type Result =
  | Settled
  | { readonly state: 'waiting'; readonly trouble: Error }
  | { readonly state: 'dropped'; readonly reason: string }

/**
 * Settles each response once. While Redis is away settlements wait in order, bounded, and are sent with the same id when it is
 * back, so that one whose reply was lost counts once too.
 */
export class Settlements {
  readonly #options: SettlementsOptions
  readonly #losses: Losses
  readonly #sequences = new Array<number>(PARTITIONS).fill(0)
  readonly #waiting = new WaitingRoom<Waiting>(MOST_WAITING)
  /** Partitions whose queue is being worked off. */
  readonly #drains = new Set<number>()
  /** Why settlements wait, once that has been said. */
  #trouble: string | undefined
  #stopped = false
  #lastSettled: number | undefined

  constructor(options: SettlementsOptions) {
    this.#options = options
    this.#losses = new Losses(options.log)
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** When Redis last had one, in milliseconds since 1970; undefined: not yet. */
  get lastSettled(): number | undefined {
    return this.#lastSettled
  }

  /** Whether Redis answers, as far as is known without asking. Waits only while the process's first connection is being made. */
  async available(): Promise<boolean> {
    const { redis, opened } = this.#options.link
    if (redis.status !== 'ready') await opened
    return this.#waiting.size === 0 && redis.status === 'ready'
  }

  /**
   * @param service the label of alerts where it costs nothing to know
   * @param label asks for it where not: only before a crossing, or where the settlement has to wait
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
    let trouble: unknown = new Error('Redis is away')
    if (redis.status === 'ready' && this.#waiting.isEmpty(partition)) {
      try {
        const settled = await this.#apply(id, settlement, service)
        if (settled.state !== 'unlabelled') return settled
        return await this.#apply(id, settlement, await labelOf(label))
      } catch (error) {
        trouble = error
      }
    }
    if (isFinal(trouble)) return this.#drop(settlement, (trouble as Error).message)
    return this.#wait({ id, settlement, service: service ?? (await labelOf(label)) }, trouble as Error)
  }

  /** Sends what waits, for at most `patience` milliseconds, then gives up what is left and says how much. */
  async stop(patience: number): Promise<void> {
    const deadline = performance.now() + patience
    while (this.#waiting.size > 0 && performance.now() < deadline) await pause(20)
    this.#stopped = true
    for (const { settlement } of this.#waiting.clear()) this.#drop(settlement, 'the process ends')
    this.#losses.flush()
  }

  #nextId(partition: number): SettlementId {
    const sequence = this.#sequences[partition] ?? 0
    this.#sequences[partition] = sequence + 1
    return { settler: this.#options.settler, sequence }
  }

  async #apply(id: SettlementId, settlement: Settlement, service: string | undefined): Promise<Settled> {
    const { link, known, metrics } = this.#options
    const settled = await settle(link.redis, id, settlement, service, known)
    if (settled.state === 'unlabelled') return settled
    if (settled.state === 'settled') {
      const { window, total } = settled.standing
      known.set(totalName(settlement.keyId, window.label), { epoch: settled.epoch, total })
      if (settled.crossed.length > 0) metrics.add('crossings', settled.crossed.length)
    } else {
      metrics.add('duplicates')
    }
    this.#lastSettled = Date.now()
    metrics.add('settled')
    metrics.add('tokens', settlement.tokens)
    if (settlement.estimated) {
      metrics.add('estimated')
      metrics.add('tokens_estimated', settlement.tokens)
    }
    if (settled.claims.length > 0) this.#options.deliver(settled.claims)
    return settled
  }

  #wait(waiting: Waiting, trouble: Error): Result {
    const { metrics, log } = this.#options
    const { settlement } = waiting
    if (this.#stopped) return this.#drop(settlement, 'the process ends')
    const partition = partitionOf(settlement.keyId)
    if (!this.#waiting.enter(partition, waiting)) {
      return this.#drop(settlement, `${MOST_WAITING} settlements wait for Redis already`)
    }
    metrics.add('queued')
    if (this.#trouble === undefined) log.warn(`settlements wait: ${trouble.message}`)
    this.#trouble ??= trouble.message
    if (!this.#drains.has(partition)) {
      this.#drains.add(partition)
      void this.#drain(partition)
    }
    return { state: 'waiting', trouble }
  }

  #drop({ keyId, tokens }: Settlement, reason: string): Result {
    this.#options.metrics.add('uncounted_dropped')
    this.#losses.add(keyId, tokens, reason)
    return { state: 'dropped', reason }
  }

  async #drain(partition: number): Promise<void> {
    const { redis } = this.#options.link
    let failures = 0
    while (!this.#waiting.isEmpty(partition) && !this.#stopped) {
      if (failures > 0 || redis.status !== 'ready') {
        await pause(Math.min(FIRST_PAUSE * 2 ** failures, LONGEST_PAUSE))
      }
      if (redis.status !== 'ready') continue
      const batch = this.#waiting.eldest(partition, BATCH)
      const left = (await Promise.all(batch.map((one) => this.#tryAgain(one)))).filter(
        (one) => one !== undefined,
      )
      if (this.#stopped) return
      this.#waiting.leave(partition, batch.length, left)
      failures = left.length > 0 ? failures + 1 : 0
    }
    // In one step with the look at the queue: whoever comes now starts anew.
    this.#drains.delete(partition)
    if (this.#waiting.size > 0 || this.#trouble === undefined) return
    this.#trouble = undefined
    this.#options.log.info('no settlement waits any more')
  }

  /** The settlement if it has to be tried once more. */
  async #tryAgain(one: Waiting): Promise<Waiting | undefined> {
    try {
      await this.#apply(one.id, one.settlement, one.service)
    } catch (error) {
      if (!isFinal(error)) return one
      this.#drop(one.settlement, (error as Error).message)
    }
    return undefined
  }
}

/** Tokens count even where nobody can say for which service. */
function labelOf(label: () => Promise<string>): Promise<string> {
  return label().catch(() => '')
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((wake) => setTimeout(wake, milliseconds))
}

/** A name that no other process has. */
export function newSettler(): string {
  return randomBytes(8).toString('hex')
}
