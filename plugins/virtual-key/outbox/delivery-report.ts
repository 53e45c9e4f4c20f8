import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { AlertRecord, Attempt } from './alert-record.ts'
import type { Outcome } from './outcome.ts'
import { loggable } from './webhook-target.ts'

/** What the log and the metrics say about deliveries. */
export class DeliveryReport {
  readonly #metrics: Metrics
  readonly #log: Log
  /** Configurations of which the log has said that their alerts wait. */
  readonly #waiting = new Set<string>()

  constructor(metrics: Metrics, log: Log) {
    this.#metrics = metrics
    this.#log = log
  }

  /** @param url where the attempt went */
  attempted(id: string, record: AlertRecord, url: string, attempt: Attempt, outcome: Outcome): void {
    const to = wording(id, record, url)
    if (outcome.state === 'delivered') {
      this.#metrics.add('delivered')
      this.#log.info(`${to}: delivered in ${attempt.duration} ms`)
      return
    }
    this.#metrics.add('attempts_failed')
    if (outcome.state === 'dead') {
      this.#givenUp(id, record, url, outcome.reason)
      return
    }
    const problem = JSON.stringify(attempt.error ?? String(attempt.status))
    this.#log.warn(`${to}: attempt failed (${problem}), next in ${Math.round(outcome.delay / 1000)} s`)
  }

  /** An alert that could not be attempted. Each configuration is named once, not with each of its alerts. */
  parked(id: string, record: AlertRecord, outcome: Outcome): void {
    if (outcome.state === 'dead') {
      this.#givenUp(id, record, record.override ?? record.url, outcome.reason)
    } else if (outcome.state === 'parked' && !this.#waiting.has(record.configuration)) {
      this.#waiting.add(record.configuration)
      this.#log.warn(`alerts of key ${JSON.stringify(record.keyId)} wait: ${outcome.reason}`)
    }
  }

  /** An entry of the outbox that is no alert. */
  unreadable(id: string, reason: string): void {
    this.#metrics.add('dead_lettered')
    this.#log.critical(`alert ${JSON.stringify(id)} is given up: ${reason}`)
  }

  #givenUp(id: string, record: AlertRecord, url: string, reason: string): void {
    this.#metrics.add('dead_lettered')
    const line = `${wording(id, record, url)}: given up: ${JSON.stringify(reason)}; vk alerts replay ${id} sends it again`
    // Whoever made a test sees how it ended.
    if (record.test) this.#log.error(line)
    else this.#log.critical(line)
  }
}

function wording(id: string, { keyId }: AlertRecord, url: string): string {
  return `alert ${id} of key ${JSON.stringify(keyId)} to ${loggable(url)}`
}
