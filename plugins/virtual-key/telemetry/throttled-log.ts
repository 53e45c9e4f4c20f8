import type { Log } from './log.ts'

/** Lines of one kind are at least this far apart. Unit: milliseconds. */
const EVERY = 60_000
/** Trouble that is over sooner is not told: a failover, a busy moment. Unit: milliseconds. */
const GRACE = 5000

/** Counts events and says when to tell of them: of each kind the first at once, then at most one line a minute with their number. */
export class Throttle<Kind> {
  readonly #clock: () => number
  readonly #open = new Map<Kind, { since: number; count: number }>()

  /** @param clock milliseconds, from any point in time */
  constructor(clock: () => number) {
    this.#clock = clock
  }

  /** Counts one more. Returns how many to tell of now; undefined: none, a later line will. */
  add(kind: Kind): number | undefined {
    const now = this.#clock()
    const open = this.#open.get(kind)
    if (open !== undefined && now - open.since < EVERY) {
      open.count++
      return undefined
    }
    this.#open.set(kind, { since: now, count: 0 })
    return (open?.count ?? 0) + 1
  }
}

/**
 * Tells of work that fails again and again: not before it has failed for some seconds, then once a minute, and once more when it
 * goes well again. Kinds come from the code, so there are few. A place may be an alert: it is remembered until it has passed, so that
 * whoever gives the work up has to say `passed` too.
 *
 * @example
 * const trouble = new ThrottledLog(log, () => performance.now())
 * try {
 *   await work(partition)
 *   trouble.passed('the work', partition)
 * } catch (error) {
 *   trouble.failed('the work', partition, error)
 * }
 */
export class ThrottledLog {
  readonly #log: Log
  readonly #clock: () => number
  readonly #throttle: Throttle<string>
  /** Since when each place of a kind fails. */
  readonly #failing = new Map<string, Map<string | number, number>>()
  readonly #told = new Set<string>()

  /** @param clock milliseconds; one that never goes back */
  constructor(log: Log, clock: () => number) {
    this.#log = log
    this.#clock = clock
    this.#throttle = new Throttle(clock)
  }

  /** @param kind what fails, as the subject of a sentence @param place one of the places where it can fail on its own */
  failed(kind: string, place: string | number, error: unknown): void {
    const now = this.#clock()
    const places = this.#failing.get(kind) ?? new Map<string | number, number>()
    this.#failing.set(kind, places)
    const since = places.get(place) ?? now
    places.set(place, since)
    const lasted = now - since
    if (lasted < GRACE || this.#throttle.add(kind) === undefined) return
    this.#told.add(kind)
    const { message, name } = error as Error
    this.#log.error(`${kind}: failing for ${Math.round(lasted / 1000)} s: ${message || name}`)
  }

  passed(kind: string, place: string | number): void {
    const places = this.#failing.get(kind)
    if (!places?.delete(place) || places.size > 0 || !this.#told.delete(kind)) return
    this.#log.info(`${kind}: works again`)
  }
}
