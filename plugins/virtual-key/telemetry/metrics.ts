/** Why a response or request added nothing to any total. */
export type Uncounted =
  | 'no_key'
  | 'no_usage'
  | 'unreadable'
  /** Tapped: it ended early, because the client hung up or the upstream broke off, and had not reported usage. */
  | 'cut_off'
  /** Tapped: the tap on the route is not the one that belongs to this plugin. */
  | 'tap_unknown'
  /** Redis refused the usage record for good, or too many waited already. */
  | 'dropped'

/** Why a key may not pass. */
export type DenyReason = 'unknown' | 'disabled' | 'expired' | 'scope' | 'used' | 'budget'

export type Counter =
  | 'settled'
  | 'tokens'
  /** Usage records whose tokens are estimated; `settled` and `tokens` contain them. */
  | 'estimated'
  | 'tokens_estimated'
  | 'crossings'
  /** Usage records that count for an overflow id, because there is no room for another id from a header. */
  | 'overflowed'
  | 'queued'
  /** Usage records written to the spool, and those of an earlier process that were read from it. */
  | 'spooled'
  | 'spool_recovered'
  | 'duplicates'
  | 'delivered'
  | 'attempts_failed'
  | 'dead_lettered'
  | 'denied_websocket'
  /** Requests that could not be counted, or not be reserved for, as they were: 400, 413, 415 and 431. */
  | 'denied_uncountable'
  /** Requests whose key Redis could not be asked about. */
  | 'unchecked'
  | `denied_${DenyReason}`
  /** Responses of tapped routes that were buffered, and counted, because the route has no tap. */
  | 'tap_missing'
  | `uncounted_${Uncounted}`

/** Counters of this process since its start. */
export class Metrics {
  readonly #counts = new Map<Counter, number>()

  add(counter: Counter, n = 1): void {
    this.#counts.set(counter, (this.#counts.get(counter) ?? 0) + n)
  }

  get(counter: Counter): number {
    return this.#counts.get(counter) ?? 0
  }

  /** `name=value` pairs sorted by name, for one log line. */
  toString(): string {
    return [...this.#counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, n]) => `${name}=${n}`)
      .join(' ')
  }
}
