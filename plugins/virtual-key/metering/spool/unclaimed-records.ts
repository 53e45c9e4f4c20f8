import type { Log } from '../../telemetry/log.ts'
import type { SpoolFolder } from './spool-folder.ts'

/** Time after the start of the process: by then most routes have had a request, which names their Redis. Unit: milliseconds. */
const FIRST = 60_000
/** Unit: milliseconds. */
const EVERY = 600_000

/**
 * Reports usage records on disk that no process settles. A process settles only the records of a Redis that it uses, so when an operator
 * changes the address of a Redis while records wait for it, they would stay on disk unnoticed. `stop` ends it.
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
