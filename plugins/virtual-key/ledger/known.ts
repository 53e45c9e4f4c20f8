import type { Known } from './terms.ts'

/** Counters remembered by one process. About 2 MB. */
const MOST = 10_000

/** The highest state of each counter that this process has seen; the counters used least recently are forgotten first. */
export class KnownTotals {
  readonly #totals = new Map<string, Known>()

  get(name: string): Known | undefined {
    return this.#totals.get(name)
  }

  /** Replies may arrive out of order: an older state never replaces a newer one. */
  set(name: string, seen: Known): void {
    const known = this.#totals.get(name)
    this.#totals.delete(name)
    const older =
      known !== undefined &&
      (known.epoch > seen.epoch || (known.epoch === seen.epoch && known.total > seen.total))
    this.#totals.set(name, older ? known : seen)
    if (this.#totals.size > MOST) {
      const [eldest] = this.#totals.keys()
      if (eldest !== undefined) this.#totals.delete(eldest)
    }
  }
}
