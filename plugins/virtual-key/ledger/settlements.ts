import { randomBytes } from 'node:crypto'
import { PARTITIONS, partitionOf, totalName } from '../keys.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { Claim } from '../outbox/claim.ts'
import type { Link } from '../redis.ts'
import { KnownTotals } from './known.ts'
import { type Settled, type Settlement, type SettlementId, settle } from './settle.ts'

/** Settlements that wait in memory while Redis is away. About 5 MB. */
export const MOST_WAITING = 10_000
/** Settlements sent together when Redis is back. */
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
  readonly metrics: Metrics
  readonly log: Log
  /** Gets the alerts of this process's crossings. */
  readonly deliver: (claims: readonly Claim[]) => void
}

/** Settled now, or waiting for Redis and settled later, or lost: the room is full or Redis refuses it for good. */
export type Result =
  | Settled
  | { readonly state: 'waiting' }
  | { readonly state: 'dropped'; readonly reason: string }

/**
 * Settles each response once. While Redis is away settlements wait in order, bounded, and are sent with the same id when it is
 * back, so that one whose reply was lost counts once too.
 */
export class Settlements {
  readonly #options: SettlementsOptions
  readonly #known = new KnownTotals()
  readonly #sequences = new Array<number>(PARTITIONS).fill(0)
  readonly #waiting: Waiting[] = []
  #draining: Promise<void> | undefined
  #stopped = false

  constructor(options: SettlementsOptions) {
    this.#options = options
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Whether Redis answers, as far as is known without asking. Waits only while the process's first connection is being made. */
  async available(): Promise<boolean> {
    const { redis, opened } = this.#options.link
    if (redis.status !== 'ready') await opened
    return this.#waiting.length === 0 && redis.status === 'ready'
  }

  /** The key's total in a window, or undefined where Redis does not tell. */
  async total(keyId: string, windowLabel: string): Promise<number | undefined> {
    if (!(await this.available())) return undefined
    try {
      return Number(await this.#options.link.redis.get(totalName(keyId, windowLabel)))
    } catch {
      return undefined
    }
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
    const id = this.#nextId(settlement.keyId)
    if (!(await this.available())) {
      return this.#wait({ id, settlement, service: service ?? (await label()) })
    }
    try {
      const settled = await this.#apply(id, settlement, service)
      return settled.state === 'unlabelled' ? await this.#apply(id, settlement, await label()) : settled
    } catch (error) {
      if (isFinal(error)) return this.#drop(settlement, (error as Error).message)
      return this.#wait({ id, settlement, service: service ?? (await label()) })
    }
  }

  /** Sends what waits, for at most `patience` milliseconds, then gives up what is left and says how much. */
  async stop(patience: number): Promise<void> {
    const deadline = performance.now() + patience
    while (this.#waiting.length > 0 && performance.now() < deadline) {
      await Promise.race([this.#draining, pause(20)])
    }
    this.#stopped = true
    for (const { settlement } of this.#waiting.splice(0)) this.#drop(settlement, 'the process ends')
  }

  #nextId(keyId: string): SettlementId {
    const partition = partitionOf(keyId)
    const sequence = this.#sequences[partition] ?? 0
    this.#sequences[partition] = sequence + 1
    return { settler: this.#options.settler, sequence }
  }

  async #apply(id: SettlementId, settlement: Settlement, service: string | undefined): Promise<Settled> {
    const { link, metrics, deliver } = this.#options
    const name = totalName(settlement.keyId, settlement.window.label)
    const settled = await settle(link.redis, id, settlement, service, this.#known.get(name))
    if (settled.state === 'duplicate') metrics.add('duplicates')
    if (settled.state !== 'settled') return settled
    this.#known.set(name, { epoch: settled.epoch, total: settled.total })
    metrics.add('settled')
    metrics.add('tokens', settlement.tokens)
    if (settlement.estimated) {
      metrics.add('estimated')
      metrics.add('tokens_estimated', settlement.tokens)
    }
    if (settled.crossed.length > 0) metrics.add('crossings', settled.crossed.length)
    if (settled.claims.length > 0) deliver(settled.claims)
    return settled
  }

  #wait(waiting: Waiting): Result {
    if (this.#stopped) return this.#drop(waiting.settlement, 'the process ends')
    if (this.#waiting.length >= MOST_WAITING) {
      return this.#drop(waiting.settlement, `${MOST_WAITING} settlements wait for Redis already`)
    }
    this.#waiting.push(waiting)
    this.#options.metrics.add('queued')
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined
    })
    return { state: 'waiting' }
  }

  #drop({ keyId, tokens }: Settlement, reason: string): Result {
    this.#options.metrics.add('uncounted_dropped')
    this.#options.log.error(`${tokens} tokens of key ${JSON.stringify(keyId)} are lost: ${reason}`)
    return { state: 'dropped', reason }
  }

  async #drain(): Promise<void> {
    const { redis } = this.#options.link
    let failures = 0
    while (this.#waiting.length > 0 && !this.#stopped) {
      if (failures > 0 || redis.status !== 'ready') {
        await pause(Math.min(FIRST_PAUSE * 2 ** failures, LONGEST_PAUSE))
      }
      if (redis.status !== 'ready') continue
      const batch = this.#waiting.slice(0, BATCH)
      const left = (await Promise.all(batch.map((one) => this.#tryAgain(one)))).filter(
        (one) => one !== undefined,
      )
      this.#waiting.splice(0, batch.length, ...left)
      failures = left.length > 0 ? failures + 1 : 0
    }
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

/** Redis ran the script and says that its data makes it impossible; any other failure may pass. */
function isFinal(error: unknown): boolean {
  const { name, message } = error as Error
  return (
    name === 'ReplyError' &&
    /^(ERR|WRONGTYPE)/.test(message) &&
    !/OOM|READONLY|MISCONF|LOADING|REPLICAS/.test(message)
  )
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((wake) => setTimeout(wake, milliseconds))
}

/** A name that no other process has. */
export function newSettler(): string {
  return randomBytes(8).toString('hex')
}
