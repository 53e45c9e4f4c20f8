import type { Log } from '../telemetry/log.ts'

/** After more unhandled exceptions than this within a minute the process may be in a broken state, and a new one is better. */
const MOST = 10
/** Unit: milliseconds. */
const MINUTE = 60_000

/**
 * By default Node ends the process, and with it all requests, when an error is not handled. Here the error is logged with its stack, and
 * the process goes on. A rejection means that one piece of work has failed. An exception interrupts the event or timer in which it was
 * thrown; so after many exceptions the process ends on purpose, in an orderly way, and Kong starts a new one.
 */
export class UncaughtErrors {
  readonly #log: Log
  readonly #end: () => void
  /** When the latest exceptions were thrown: milliseconds of a clock that does not jump. */
  #exceptions: readonly number[] = []

  /** @param end ends the process in an orderly way */
  constructor(log: Log, end: () => void) {
    this.#log = log
    this.#end = end
  }

  watch(): void {
    process.on('unhandledRejection', (reason) =>
      this.#log.critical(`unhandled rejection: ${stackOf(reason)}`),
    )
    process.on('uncaughtException', (error) => this.#exception(error))
  }

  #exception(error: unknown): void {
    this.#log.critical(`uncaught exception: ${stackOf(error)}`)
    const now = performance.now()
    this.#exceptions = [...this.#exceptions.filter((at) => at > now - MINUTE), now]
    if (this.#exceptions.length <= MOST) return
    this.#log.critical(
      `more than ${MOST} uncaught exceptions within a minute: this process ends, so that Kong starts a new one`,
    )
    this.#end()
  }
}

/** One line: Kong writes each line of a plugin server's output as an entry of its own. */
export function stackOf(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return text.replaceAll(/\n\s*/g, ' | ')
}
