import { isFinal } from '../redis/final.ts'
import type { Connection } from '../redis/script.ts'
import { type Reservation, release } from './reserve.ts'

/** About 2 MB; what is pushed out expires in Redis. */
export const MOST_PENDING = 10_000
/** Sent together. */
const BATCH = 100
/** Between two tries while Redis takes none. Unit: milliseconds. */
const PAUSE = 500

/**
 * Reservations to give back that Redis has not taken back yet: it is away, or a replica for the moment. Until then they keep their
 * key from tokens that nobody spends. Giving one back twice changes nothing.
 */
export class PendingReleases {
  readonly #redis: Connection
  /** The id of its key by reservation, the eldest first. */
  readonly #pending = new Map<Reservation, string>()
  #timer: NodeJS.Timeout | undefined

  constructor(redis: Connection) {
    this.#redis = redis
    redis.on('ready', () => this.#soon(0))
  }

  get size(): number {
    return this.#pending.size
  }

  add(keyId: string, reservation: Reservation): void {
    this.#pending.set(reservation, keyId)
    if (this.#pending.size > MOST_PENDING) {
      const [eldest] = this.#pending.keys()
      if (eldest !== undefined) this.#pending.delete(eldest)
    }
    if (this.#timer === undefined) this.#soon(PAUSE)
  }

  #soon(pause: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#work(), pause).unref()
  }

  async #work(): Promise<void> {
    let failed = false
    while (this.#pending.size > 0 && this.#redis.status === 'ready' && !failed) {
      const batch = [...this.#pending].slice(0, BATCH)
      failed = (await Promise.all(batch.map((one) => this.#giveBack(...one)))).includes(false)
    }
    this.#timer = undefined
    // A client that was closed for good takes nothing any more.
    if (this.#pending.size > 0 && this.#redis.status !== 'end') this.#soon(PAUSE)
  }

  /** false: it has to be tried again. */
  async #giveBack(reservation: Reservation, keyId: string): Promise<boolean> {
    try {
      await release(this.#redis, keyId, reservation)
    } catch (error) {
      if (!isFinal(error)) return false
    }
    this.#pending.delete(reservation)
    return true
  }
}
