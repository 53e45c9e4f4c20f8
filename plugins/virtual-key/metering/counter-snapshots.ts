import type { CounterSnapshot } from '../policy/key-policy.ts'
import { isOfPartition } from '../redis/names.ts'

/** Counters remembered by one process. About 3 MB. */
const MOST = 10_000

/** A counter, with what it takes to put it back where Redis has lost it. */
export interface CounterState extends CounterSnapshot {
  readonly keyId: string
  /** Milliseconds since 1970 at which its window ends; absent: never. */
  readonly end?: number | undefined
}

/**
 * The highest state of each counter that this process has seen, the counters used least recently are forgotten first; and the
 * generation of each partition.
 */
export class CounterSnapshots {
  readonly #totals = new Map<string, CounterState>()
  readonly #generations = new Map<number, string>()
  /** Is called where a partition has another generation than the one that is known. */
  onLoss: (partition: number) => void = () => undefined

  get(name: string): CounterState | undefined {
    return this.#totals.get(name)
  }

  /** Those of one partition, by their names. */
  ofPartition(partition: number): Array<readonly [name: string, known: CounterState]> {
    const found: Array<readonly [string, CounterState]> = []
    for (const one of this.#totals) if (isOfPartition(one[0], partition)) found.push(one)
    return found
  }

  /** Replies may arrive out of order: an older state never replaces a newer one. */
  set(name: string, seen: CounterState): void {
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

  generation(partition: number): string | undefined {
    return this.#generations.get(partition)
  }

  /** Another generation than the one that is known is a loss, and known only when what was lost is put back. */
  meet(partition: number, generation: string): void {
    const known = this.#generations.get(partition)
    if (known === undefined) this.#generations.set(partition, generation)
    else if (known !== generation) this.onLoss(partition)
  }

  /** What this process knew of the partition is in Redis again. */
  restored(partition: number, generation: string): void {
    this.#generations.set(partition, generation)
  }
}
