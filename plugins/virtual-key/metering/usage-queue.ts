import { setTimeout as sleep } from 'node:timers/promises'
import { PARTITIONS, partitionOf } from '../redis/names.ts'
import { Pauses } from '../redis/pauses.ts'
import type { Connection } from '../redis/script.ts'
import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { Throttle } from '../telemetry/throttled-log.ts'
import type { SpooledRecord, UsageSpool } from './spool/usage-spool.ts'

/** Usage records that wait in memory while Redis is away. About 5 MB. */
export const MOST_WAITING = 10_000
/** Usage records of one partition sent together when Redis is back. */
const BATCH = 100
/** Pauses between tries while Redis is away. Unit: milliseconds. */
const FIRST_PAUSE = 50
const LONGEST_PAUSE = 500
/** Between two looks for what processes that ended have left, and for records that are not written down yet. Unit: milliseconds. */
const LOOK_EVERY = 2000

export interface UsageQueueOptions {
  readonly redis: Connection
  readonly metrics: Metrics
  readonly log: Log
  /** Absent: what waits is lost with the process. */
  readonly spool?: UsageSpool | undefined
  /** Tries once more to settle a record. Resolves with the reason why it has to wait on; undefined: it is over, settled or lost. */
  readonly tryAgain: (one: SpooledRecord) => Promise<Error | undefined>
}

/**
 * Usage records that wait for Redis, in order for each partition, bounded: in memory as long as there is room, and in the spool. It
 * tries the eldest again and again, and at once when there is a new connection.
 */
export class UsageQueue {
  readonly #options: UsageQueueOptions
  readonly #waiting = new PartitionQueues<SpooledRecord>(MOST_WAITING)
  /** Partitions whose queue is being worked off. */
  readonly #drains = new Set<number>()
  readonly #pauses = new Pauses()
  readonly #looking: NodeJS.Timeout
  /** For what is said of records that wait; undefined: none does, or nothing was said yet. */
  #logged: Throttle<'waiting'> | undefined
  #stopped = false

  constructor(options: UsageQueueOptions) {
    this.#options = options
    options.redis.on('ready', () => this.#pauses.end())
    this.#looking = setInterval(() => this.look(), LOOK_EVERY).unref()
    this.look()
  }

  /** Records in memory. */
  get size(): number {
    return this.#waiting.size
  }

  isEmpty(partition: number): boolean {
    return this.#waiting.isEmpty(partition)
  }

  /** Takes a record that has to wait, and writes it down. Returns why it cannot wait, where it cannot. */
  add(one: SpooledRecord, trouble: Error): string | undefined {
    const { metrics, spool } = this.#options
    this.#tell(trouble)
    if (this.#stopped) {
      spool?.keep(one)
      return one.segment === undefined ? 'the process ends' : undefined
    }
    // Where memory is full, and behind what waits on disk already.
    const beyond = spool?.pending || this.#waiting.size >= MOST_WAITING
    const kept = beyond && (one.segment !== undefined || spool?.put(one.record))
    if (!kept) {
      if (!this.#enter(one)) return `${MOST_WAITING} usage records wait for Redis already`
      spool?.keep(one)
    }
    metrics.add('queued')
    return undefined
  }

  /** What waits in memory is written down where it was not yet, and what waits on disk is read where there is room. */
  look(): void {
    const { spool } = this.#options
    if (spool === undefined) return
    for (const one of this.#waiting.all()) spool.keep(one)
    spool.takeOver()
    this.#refill()
  }

  /** Goes on for at most `timeout` milliseconds. Returns the records that are in memory alone. */
  async stop(timeout: number): Promise<SpooledRecord[]> {
    const deadline = performance.now() + timeout
    while (this.#waiting.size > 0 && performance.now() < deadline) await sleep(20)
    this.#stopped = true
    clearInterval(this.#looking)
    this.#pauses.end()
    return this.#waiting.clear().filter(({ segment }) => segment === undefined)
  }

  #enter(one: SpooledRecord): boolean {
    const partition = partitionOf(one.record.keyId)
    if (!this.#waiting.enter(partition, one)) return false
    if (!this.#drains.has(partition)) {
      this.#drains.add(partition)
      void this.#drain(partition)
    }
    return true
  }

  #refill(): void {
    for (;;) {
      const records = this.#options.spool?.take(MOST_WAITING - this.#waiting.size)
      if (records === undefined) return
      for (const one of records) this.#enter(one)
    }
  }

  async #drain(partition: number): Promise<void> {
    const { redis, log } = this.#options
    let failures = 0
    while (!this.#waiting.isEmpty(partition) && !this.#stopped) {
      if (failures > 0 || redis.status !== 'ready')
        await this.#pauses.pause(Math.min(FIRST_PAUSE * 2 ** failures, LONGEST_PAUSE))
      if (redis.status === 'ready') failures = (await this.#sendEldest(partition)) ? 0 : failures + 1
    }
    // In one step with the look at the queue: whoever comes now starts anew.
    this.#drains.delete(partition)
    if (this.#waiting.size > 0 || this.#logged === undefined || this.#stopped) return
    this.#logged = undefined
    log.info('no usage record waits any more')
  }

  /** Whether all of those sent are over. */
  async #sendEldest(partition: number): Promise<boolean> {
    const batch = this.#waiting.eldest(partition, BATCH)
    const troubles = await Promise.all(batch.map((one) => this.#options.tryAgain(one)))
    if (this.#stopped) return false
    const left = batch.filter((_, i) => troubles[i] !== undefined)
    this.#waiting.leave(partition, batch.length, left)
    const trouble = troubles.find((one) => one !== undefined)
    if (trouble !== undefined) this.#tell(trouble)
    this.#refill()
    return trouble === undefined
  }

  /** Says why records wait: at once, and then once a minute with their number, where Kong's log shows it. */
  #tell({ message }: Error): void {
    const { log, spool } = this.#options
    const first = this.#logged === undefined
    this.#logged ??= new Throttle(() => performance.now())
    if (this.#logged.add('waiting') === undefined) return
    if (first) log.warn(`usage records wait: ${message}`)
    else {
      const onDisk = spool === undefined ? '' : `, ${spool.size} on disk`
      log.critical(`usage records wait, ${this.#waiting.size} in memory${onDisk}: ${message}`)
    }
  }
}

/**
 * Bounded queues, one for each partition: a key's usage records stay in order, and a cluster's node that is away holds up only the
 * partitions on it.
 */
class PartitionQueues<T> {
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
