import type { Log } from '../../telemetry/log.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import { Throttle } from '../../telemetry/throttled-log.ts'
import type { UsageRecord } from '../usage-record.ts'
import type { Segment } from './segment.ts'
import type { SpoolFolder } from './spool-folder.ts'

/** Most usage records on disk for one Redis: about 20 minutes at 80 requests a second. */
export const MOST_SPOOLED = 100_000
/** Unit: bytes. */
export const MOST_SPOOLED_BYTES = 64 * 1024 * 1024
/** Most records in one file, so that files are deleted one by one as records are settled, and reading one takes milliseconds. */
const SEGMENT_RECORDS = 500
/** Unit: bytes. */
const SEGMENT_BYTES = 2 * 1024 * 1024
/** Pause between two fsyncs. Unit: milliseconds. */
const SYNC_EVERY = 1000
/** Pause after an error of the file system before the next attempt to write. Unit: milliseconds. */
const RETRY_AFTER = 1000

export interface UsageSpoolOptions {
  readonly folder: SpoolFolder
  /** Names the Redis that the records are for, see redis-name.ts. */
  readonly redis: string
  /** Names the runtime; unique. */
  readonly runtime: string
  readonly metrics: Metrics
  readonly log: Log
  /** Milliseconds, never going back. */
  readonly now: () => number
  /** Records on disk; `MOST_SPOOLED` unless set. */
  readonly most?: number
  /** Bytes on disk; `MOST_SPOOLED_BYTES` unless set. */
  readonly mostBytes?: number
}

/** A record in memory, and the file that contains it too, if one does. */
export interface SpooledRecord {
  record: UsageRecord
  segment?: Segment | undefined
}

/**
 * Usage records that wait for Redis, in files, so that a process that is killed loses none: the next one that uses the same Redis
 * settles them under the same ids. A file contains records that wait in memory too (`keep`), or records for which memory has no room
 * (`put`, and those that other processes left); the latter are read (`take`) as soon as there is room. Nothing is written while Redis
 * answers, and a file is deleted when its records are settled. A record that cannot be written waits in memory alone, and the error is
 * logged at most once a minute.
 *
 * A record whose reply was lost more than a day ago (SETTLED_FOR in settle.lua) may have been counted, and is counted again: in doubt a
 * key pays what it spent.
 */
export class UsageSpool {
  readonly #options: UsageSpoolOptions
  /** Files of records that wait in memory too. */
  readonly #mirrors = new Set<Segment>()
  /** Files of records that are not in memory, the oldest first. */
  readonly #unread: Segment[] = []
  /** The file to which records are appended. */
  #current: Segment | undefined
  #syncing: NodeJS.Timeout | undefined
  #refusedAt = Number.NEGATIVE_INFINITY
  readonly #refusals: Throttle<'refused'>

  constructor(options: UsageSpoolOptions) {
    this.#options = options
    this.#refusals = new Throttle(options.now)
    options.folder.enter(options.runtime, options.redis)
  }

  get path(): string {
    return this.#options.folder.path
  }

  /** Whether there are records on disk that are not in memory. */
  get pending(): boolean {
    return this.#unread.length > 0
  }

  /** Records on disk that are not settled, of the files that have been read. */
  get size(): number {
    return [...this.#mirrors, ...this.#unread].reduce((sum, { open }) => sum + open, 0)
  }

  /** Writes a record that waits in memory, unless a file contains it already. Never throws. */
  keep(one: SpooledRecord): void {
    one.segment ??= this.#append(one.record, this.#mirrors)
  }

  /** Writes a record that does not wait in memory. @returns false if it could not be written */
  put(record: UsageRecord): boolean {
    return this.#append(record, this.#unread) !== undefined
  }

  /** Removes a record that is settled, or lost for good. */
  settled({ segment }: SpooledRecord): void {
    if (segment === undefined) return
    segment.settled()
    if (segment.open > 0) return
    if (segment === this.#current) this.#current = undefined
    this.#mirrors.delete(segment)
    segment.remove()
  }

  /** Takes over the files that ended processes have left. Never throws. */
  takeOver(): void {
    const { folder, redis, runtime } = this.#options
    try {
      // They come before the records for which this process had no room, because they are older.
      this.#unread.unshift(...folder.takeOver(redis, runtime))
    } catch (error) {
      this.#refused('usage records of an earlier process cannot be read', error)
    }
  }

  /** Reads the oldest file that is not in memory. @returns undefined if there is none, or no room for its records */
  take(room: number): SpooledRecord[] | undefined {
    const [segment] = this.#unread
    if (segment === undefined || room < SEGMENT_RECORDS) return undefined
    this.#unread.shift()
    if (segment === this.#current) this.#current = undefined
    const own = segment.lines > 0
    segment.close()
    try {
      const { records, unreadable, foreign } = segment.read()
      const { metrics, log } = this.#options
      if (unreadable > 0) log.critical(`${unreadable} torn or corrupt lines of ${segment.path} are left out`)
      if (foreign > 0) {
        log.critical(`${segment.path} stays, because another version of virtual-key wrote it`)
        return []
      }
      if (!own && records.length > 0) {
        metrics.add('spool_recovered', records.length)
        log.info(`usage records that an earlier process has left: ${records.length}`)
      }
      if (records.length === 0) segment.remove()
      else this.#mirrors.add(segment)
      return records.map((record) => ({ record, segment }))
    } catch (error) {
      this.#refused(`${segment.path} cannot be read`, error)
      return []
    }
  }

  /** Closes the files and leaves them to the next process. */
  close(): void {
    clearTimeout(this.#syncing)
    for (const segment of [...this.#mirrors, ...this.#unread]) segment.close()
    this.#options.folder.leave(this.#options.runtime)
  }

  #append(record: UsageRecord, to: Set<Segment> | Segment[]): Segment | undefined {
    if (this.#options.now() - this.#refusedAt < RETRY_AFTER) return undefined
    try {
      const segment = this.#writable(to)
      segment.append(record)
      this.#syncLater()
      this.#options.metrics.add('spooled')
      return segment
    } catch (error) {
      this.#refused('usage records wait in memory alone, and are lost if the plugin server is killed', error)
      return undefined
    }
  }

  #writable(to: Set<Segment> | Segment[]): Segment {
    const { folder, redis, runtime, most = MOST_SPOOLED, mostBytes = MOST_SPOOLED_BYTES } = this.#options
    const all = [...this.#mirrors, ...this.#unread]
    const sum = (of: (segment: Segment) => number) => all.reduce((total, segment) => total + of(segment), 0)
    if (sum(({ lines }) => lines) >= most || sum(({ bytes }) => bytes) >= mostBytes)
      throw new Error(
        `${this.path} holds the most that it may, ${most} records or ${mostBytes} bytes for one Redis`,
      )
    const current = this.#current
    const fits = current?.writable && current.lines < SEGMENT_RECORDS && current.bytes < SEGMENT_BYTES
    if (current !== undefined && fits && [...to].includes(current)) return current
    current?.close()
    // The file is empty, because the file system has just refused to write to it.
    if (current?.open === 0) this.#forget(current)
    const segment = folder.create(redis, runtime)
    if (Array.isArray(to)) to.push(segment)
    else to.add(segment)
    this.#current = segment
    return segment
  }

  #forget(segment: Segment): void {
    this.#mirrors.delete(segment)
    if (this.#unread.includes(segment)) this.#unread.splice(this.#unread.indexOf(segment), 1)
    segment.remove()
  }

  #refused(what: string, error: unknown): void {
    this.#refusedAt = this.#options.now()
    if (this.#refusals.add('refused') === undefined) return
    this.#options.log.critical(`${what}: ${(error as Error).message}`)
  }

  #syncLater(): void {
    this.#syncing ??= setTimeout(() => {
      this.#syncing = undefined
      for (const segment of [...this.#mirrors, ...this.#unread]) void segment.sync()
    }, SYNC_EVERY).unref()
  }
}
