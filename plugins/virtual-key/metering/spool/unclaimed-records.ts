import type { Log } from '../../telemetry/log.ts'
import type { SpoolFolder } from './spool-folder.ts'

/** After the start of the process: by then most routes have had a request, which names their Redis. Unit: milliseconds. */
const FIRST = 60_000
/** Unit: milliseconds. */
const EVERY = 600_000

/**
 * Usage records on disk are settled by a process that uses the Redis which they are for. Where an operator has changed that Redis's
 * address while they waited, there is no such process, and they would lie there without anybody knowing. Call it off by `stop`.
 */
export class UnclaimedRecords {
  readonly #folder: SpoolFolder
  readonly #log: Log
  readonly #first: NodeJS.Timeout
  readonly #timer: NodeJS.Timeout

  constructor(folder: SpoolFolder, log: Log) {
    this.#folder = folder
    this.#log = log
    this.#first = setTimeout(() => this.#look(), FIRST).unref()
    this.#timer = setInterval(() => this.#look(), EVERY).unref()
  }

  stop(): void {
    clearTimeout(this.#first)
    clearInterval(this.#timer)
  }

  #look(): void {
    const files = this.#folder.unclaimed()
    if (files.length === 0) return
    this.#log.critical(
      `usage records wait in ${this.#folder.path} for a Redis to which no request has led since this plugin server started; ` +
        `they are counted when a configuration names it again, as host, port and database were: ${files.join(', ')}`,
    )
  }
}
