import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from '../redis/script.ts'
import type { ThrottledLog } from '../telemetry/throttled-log.ts'
import { type Claim, renew } from './claim.ts'

/** An alert in this process's hands. */
export interface Lease {
  readonly claim: Claim
  /** Until then nobody else can have taken it. On the clock of `performance`. */
  sureUntil: number
  /** An attempt is under way: its outcome goes to Redis even if another process owns the alert by then. */
  sending: boolean
}

/** Pause before Redis is asked again who owns an alert. Unit: milliseconds. */
const PAUSE = 200

/** The alerts that this process owns, and keeps owning by renewing its claims in time. */
export class Leases {
  readonly #redis: Connection
  readonly #consumer: string
  readonly #lease: number
  readonly #trouble: ThrottledLog
  /** By partition and stream id. */
  readonly #held = new Map<string, Lease>()

  /** @param lease milliseconds after which the claims of a silent process go to another */
  constructor(redis: Connection, consumer: string, lease: number, trouble: ThrottledLog) {
    this.#redis = redis
    this.#consumer = consumer
    this.#lease = lease
    this.#trouble = trouble
  }

  get size(): number {
    return this.#held.size
  }

  /** undefined: this process holds the alert already. */
  add(claim: Claim): Lease | undefined {
    const place = placeOf(claim)
    if (this.#held.has(place)) return undefined
    const lease = { claim, sureUntil: this.#surely(), sending: false }
    this.#held.set(place, lease)
    return lease
  }

  drop({ claim }: Lease): void {
    this.#held.delete(placeOf(claim))
  }

  has(lease: Lease): boolean {
    return this.#held.get(placeOf(lease.claim)) === lease
  }

  all(): Lease[] {
    return [...this.#held.values()]
  }

  /** Renews every claim. Where that fails, no attempt starts until a later renewal succeeds: see `owns`. */
  renewAll(): void {
    for (const partition of new Set(this.all().map(({ claim }) => claim.partition))) {
      this.renew(partition).catch(() => undefined)
    }
  }

  /** @throws ReplyError or a connection's Error; the log says so if the failure lasts */
  async renew(partition: number): Promise<void> {
    const held = this.all().filter(({ claim }) => claim.partition === partition)
    const what = 'claims of alerts cannot be renewed'
    if (held.length === 0) return this.#trouble.passed(what, partition)
    const claims = held.map(({ claim }) => claim)
    const holds = await renew(this.#redis, partition, this.#consumer, claims).catch((error: Error) => {
      this.#trouble.failed(what, partition, error)
      throw error
    })
    this.#trouble.passed(what, partition)
    for (const [i, one] of held.entries()) {
      if (holds[i] !== 'theirs') one.sureUntil = this.#surely()
      else if (!one.sending) this.drop(one)
    }
  }

  /**
   * Whether this process still owns the alert and may attempt it. Where the last renewal is too long ago, Redis is asked: a process
   * that was suspended for a while may have lost the alert.
   * @param stopped whether the process ends
   */
  async owns(lease: Lease, stopped: () => boolean): Promise<boolean> {
    while (this.has(lease) && !stopped()) {
      if (performance.now() < lease.sureUntil) return true
      await this.renew(lease.claim.partition).catch(() => sleep(PAUSE))
    }
    return false
  }

  /** A third of the lease is kept in reserve for replies that took long. */
  #surely(): number {
    return performance.now() + (this.#lease * 2) / 3
  }
}

function placeOf({ partition, streamId }: Claim): string {
  return `${partition} ${streamId}`
}
