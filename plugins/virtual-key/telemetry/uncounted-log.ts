import type { Log } from './log.ts'
import type { Uncounted } from './metrics.ts'
import { Throttle } from './throttled-log.ts'

/** What an operator reads about each reason; the number of responses goes in front. */
const WORDS: Record<Concern, string> = {
  no_key: 'of requests without a key',
  no_usage: 'that report no usage',
  unreadable: 'whose encoding, framing or JSON cannot be read',
  cut_off: 'that ended before they reported usage: the client hung up, or the upstream broke off',
  dropped: 'that could not be settled',
  tap_missing:
    'counted, but buffered: the route says body: tapped and has no tap in post-function (vk tap prints it)',
  schema_newer: 'waiting to be counted: Redis holds a newer schema, upgrade virtual-key',
  unchecked: 'whose key could not be asked about, so that fault_tolerant alone decided',
  tap_unknown: "not counted: the route's tap is of another version (vk tap prints the right one)",
}

/** `tap_missing` is counted all the same; it keeps clients waiting. `unchecked` is about requests. */
export type Concern = Uncounted | 'tap_missing' | 'schema_newer' | 'unchecked'

/** Log lines about what was not counted: the first of each reason at once, then at most one a minute with their number. */
export class UncountedLog {
  readonly #throttle: Throttle<Concern>

  /** @param clock milliseconds, never going back: else setting the clock back would silence it for as long */
  constructor(clock: () => number) {
    this.#throttle = new Throttle(clock)
  }

  /** Notes one more. Returns the line to log now, if any. */
  add(reason: Concern): string | undefined {
    const count = this.#throttle.add(reason)
    if (count === undefined) return undefined
    const thing = reason === 'unchecked' ? 'request' : 'response'
    return `${reason}: ${count} ${thing}${count === 1 ? '' : 's'} ${WORDS[reason]}`
  }
}

/** Between two summaries of losses. Unit: milliseconds. */
const SUMMARY_EVERY = 1000

/** Log lines about tokens that are lost: the first loss at once, and what follows in one line a second, because losses come in floods. */
export class LossLog {
  readonly #log: Log
  #timer: NodeJS.Timeout | undefined
  #records = 0
  #tokens = 0
  #reason = ''

  constructor(log: Log) {
    this.#log = log
  }

  add(keyId: string, tokens: number, reason: string): void {
    if (this.#timer === undefined) {
      this.#log.critical(`${tokens} tokens of key ${JSON.stringify(keyId)} are lost: ${reason}`)
      this.#timer = setTimeout(() => this.flush(), SUMMARY_EVERY).unref()
      return
    }
    this.#records++
    this.#tokens += tokens
    this.#reason = reason
  }

  /** Logs what has not been logged yet. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#records === 0) return
    this.#log.critical(
      `${this.#records} further usage records, ${this.#tokens} tokens, are lost: ${this.#reason}`,
    )
    this.#records = 0
    this.#tokens = 0
  }
}
