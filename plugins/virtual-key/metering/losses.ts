import type { Log } from '../telemetry/log.ts'

/** Unit: milliseconds. */
const EVERY = 1000

/** Says what could not be counted: the first loss at once, and what follows in one line a second, because losses come in floods. */
export class Losses {
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
      this.#timer = setTimeout(() => this.flush(), EVERY).unref()
      return
    }
    this.#records++
    this.#tokens += tokens
    this.#reason = reason
  }

  /** Says what has not been said yet. */
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
