import { PARTITIONS } from '../redis/names.ts'

/**
 * Bounded queues, one for each partition: a key's settlements stay in order, and a cluster's node that is away holds up only the
 * partitions on it.
 */
export class WaitingRoom<T> {
  readonly #queues: T[][] = Array.from({ length: PARTITIONS }, () => [])
  readonly #room: number
  #size = 0

  /** @param room of all queues together */
  constructor(room: number) {
    this.#room = room
  }

  get size(): number {
    return this.#size
  }

  isEmpty(partition: number): boolean {
    return this.#queue(partition).length === 0
  }

  /** false: there is no room. */
  enter(partition: number, one: T): boolean {
    if (this.#size >= this.#room) return false
    this.#queue(partition).push(one)
    this.#size++
    return true
  }

  /** The eldest of a partition, which stay until `leave`. */
  eldest(partition: number, most: number): readonly T[] {
    return this.#queue(partition).slice(0, most)
  }

  /** Lets the first `looked` of a partition go, but for those that have to stay. */
  leave(partition: number, looked: number, staying: readonly T[]): void {
    const queue = this.#queue(partition)
    const before = queue.length
    queue.splice(0, looked, ...staying)
    this.#size += queue.length - before
  }

  /** Everything that waits, queue by queue. */
  all(): T[] {
    return this.#queues.flat()
  }

  /** Empties every queue. */
  clear(): T[] {
    this.#size = 0
    return this.#queues.flatMap((queue) => queue.splice(0))
  }

  #queue(partition: number): T[] {
    const queue = this.#queues[partition]
    if (queue === undefined) throw new RangeError(`partition ${partition} is not one of ${PARTITIONS}`)
    return queue
  }
}
