import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from '../redis/script.ts'
import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { ThrottledLog } from '../telemetry/throttled-log.ts'
import type { AlertRecord } from './alert-record.ts'
import { Bulkhead } from './bulkhead.ts'
import { type Added, ack, type Claim, LEASE, scheduleStart } from './claim.ts'
import { type DeliverySettings, whatHolds } from './delivery-settings.ts'
import { render } from './format.ts'
import { KnownConfigurations } from './known-configurations.ts'
import { type Lease, Leases } from './leases.ts'
import { type Outcome, outcomeOf, parkedOutcome, SCHEDULE, type Tried } from './outcome.ts'
import { parkedEntry } from './parked.ts'
import { type NoRoute, type Route, routeOf, routeOfCrossing } from './route.ts'
import type { Sender } from './send.ts'
import { type SigningKey, signedHeaders } from './sign.ts'
import { Sweep } from './sweep.ts'
import { loggable } from './webhook-target.ts'

/** Attempts at once to one host, and alerts that wait in memory for their turn there. */
const LANE_WIDTH = 8
const LANE_LONGEST = 64
/** A route that is older is asked for anew before the attempt: the alert has waited for its turn. Unit: milliseconds. */
const ROUTE_LASTS = 1000
/** Longest pause before Redis is told again what became of an alert. Unit: milliseconds. */
const LONGEST_PAUSE = 1000

/** Signing keys that an operator has named, by the id of the configuration; they hold whatever the configuration says. */
export interface Signers {
  get(configuration: string): readonly SigningKey[] | undefined
}

export interface DispatcherOptions {
  readonly redis: Connection
  /** Name in the consumer group; unique for each process. */
  readonly consumer: string
  readonly sender: Sender
  /** Absent: only the secrets of configurations that the process learns. */
  readonly signers?: Signers
  readonly metrics: Metrics
  readonly log: Log
  /** Milliseconds since 1970. */
  readonly clock: () => number
  /** 0 to 1. */
  readonly random: () => number
  /** Waits between attempts, in milliseconds. */
  readonly schedule?: readonly number[]
  /** Milliseconds after which the alerts of a process that is silent go to another; the same in all processes. */
  readonly lease?: number
  /** Milliseconds after which an alert is looked at again that waits for its configuration. */
  readonly lookAgain?: number
}

/** Delivers alerts: those of this process's own crossings at once, and by sweeping the outbox those that others left behind. */
export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #bulkhead = new Bulkhead(LANE_WIDTH, LANE_LONGEST)
  readonly #trouble: ThrottledLog
  readonly #leases: Leases
  readonly #known: KnownConfigurations
  readonly #sweep: Sweep
  #renewing: NodeJS.Timeout | undefined
  /** Configurations without secrets here of which that has been said. */
  readonly #unknown = new Set<string>()
  #stopped = false

  constructor(options: DispatcherOptions) {
    this.#options = options
    const { lease = LEASE } = options
    this.#trouble = new ThrottledLog(options.log, () => performance.now())
    this.#leases = new Leases(options.redis, options.consumer, lease, this.#trouble)
    this.#known = new KnownConfigurations(options.redis, this.#trouble)
    this.#sweep = new Sweep({
      redis: options.redis,
      consumer: options.consumer,
      lease,
      leases: this.#leases,
      keysOf: this.#keysOf,
      take: (claims) => this.take(claims),
      also: () => this.#known.share(),
      trouble: this.#trouble,
      random: options.random,
    })
  }

  start(): void {
    this.#sweep.start()
    const { redis, lease = LEASE } = this.#options
    const renew = () => {
      if (redis.status === 'ready') this.#leases.renewAll()
    }
    this.#renewing = setInterval(renew, lease / 6).unref()
  }

  /** Alerts in this process's hands. */
  get held(): number {
    return this.#leases.size
  }

  /** Kong has told this process of a configuration, or of a change: alerts that wait for it go out. Returns at once. */
  learn(
    configuration: string,
    settings: Omit<DeliverySettings, 'secrets'>,
    keys: readonly SigningKey[],
  ): void {
    if (!this.#known.learn(configuration, settings, keys)) return
    this.#sweep.learnt(configuration)
  }

  /** Starts delivering alerts that this process owns. Returns at once and never throws. */
  take(claims: readonly Claim[]): void {
    for (const one of claims) {
      const lease = this.#leases.add(one)
      if (lease === undefined) continue
      if (one.record === undefined) {
        const reason = 'the record cannot be read'
        this.#options.metrics.add('dead_lettered')
        this.#options.log.critical(`alert ${JSON.stringify(one.id)} is given up: ${reason}`)
        void this.#end(lease, { state: 'dead', reason })
        continue
      }
      void this.#dispatch(lease, one.record)
    }
  }

  /** Hands back what was not attempted yet and lets attempts in flight end, for at most `timeout` milliseconds. */
  async stop(timeout: number): Promise<void> {
    this.#stopped = true
    clearInterval(this.#renewing)
    await this.#sweep.stop()
    for (const lease of this.#leases.all()) {
      if (!lease.sending) void this.#end(lease, { state: 'retry', delay: 0 })
    }
    const deadline = performance.now() + timeout
    while (this.#leases.size > 0 && performance.now() < deadline) await sleep(20)
  }

  readonly #keysOf = (configuration: string, mark: string): readonly SigningKey[] | undefined =>
    this.#options.signers?.get(configuration) ?? this.#known.keysOf(configuration, mark)

  /** From the moment that the alert is in hand to the attempt, which waits for its turn at its host. */
  async #dispatch(lease: Lease, record: AlertRecord): Promise<void> {
    const route = await this.#routeOf(lease, record)
    if (route === undefined) return
    if ('reason' in route) return this.#park(lease, record, route)
    const from = performance.now()
    const attempt = async () => {
      const now = performance.now() - from < ROUTE_LASTS ? route : await this.#routeOf(lease, record, true)
      if (now === undefined) return
      if ('reason' in now) return this.#park(lease, record, now)
      await this.#attempt(lease, record, now)
    }
    if (this.#stopped || !this.#bulkhead.run(hostOf(route.url), attempt)) {
      // Not before the host's lane has had time to move on: alerts in a circle would keep others from their turn.
      await this.#end(lease, { state: 'retry', delay: route.timeout * (1 + this.#options.random()) })
    }
  }

  /**
   * Where it goes by what holds now. undefined: it is not this process's any more.
   * @param anew the crossing was a while ago
   */
  async #routeOf(lease: Lease, record: AlertRecord, anew = false): Promise<Route | NoRoute | undefined> {
    const { claim } = lease
    if (claim.takenAt === undefined && record.since === undefined && !anew) {
      this.#known.used(record.configuration)
      return routeOfCrossing(record, this.#keysOf)
    }
    const what = 'what holds for alerts cannot be read'
    for (;;) {
      if (!(await this.#owns(lease))) return undefined
      try {
        const holds = await whatHolds(this.#options.redis, record.configuration, record.keyId)
        this.#trouble.passed(what, claim.partition)
        return routeOf(record, holds, this.#keysOf)
      } catch (error) {
        this.#trouble.failed(what, claim.partition, error)
        await sleep(200, undefined, { ref: false })
      }
    }
  }

  #owns(lease: Lease): Promise<boolean> {
    return this.#leases.owns(lease, () => this.#stopped)
  }

  async #park(lease: Lease, record: AlertRecord, { reason, secrets }: NoRoute): Promise<void> {
    const { schedule = SCHEDULE, random, lookAgain, log } = this.#options
    const { claim } = lease
    const start = scheduleStart(claim)
    const age = (claim.takenAt ?? start) - start
    const waited = record.parked !== undefined
    const outcome = parkedOutcome(reason, age, waited, schedule, random(), lookAgain)
    if (outcome.state === 'dead') {
      this.#giveUp(claim.id, record, record.override ?? record.url, outcome.reason)
    } else if (!this.#unknown.has(record.configuration)) {
      this.#unknown.add(record.configuration)
      log.warn(`alerts of key ${JSON.stringify(record.keyId)} wait: ${reason}`)
    }
    await this.#end(lease, outcome, {
      parkedEntry: outcome.state === 'parked' ? parkedEntry(claim.id, record.configuration, secrets) : '',
    })
  }

  async #attempt(lease: Lease, record: AlertRecord, route: Route): Promise<void> {
    const { clock, random, sender, schedule = SCHEDULE } = this.#options
    if (!(await this.#owns(lease))) return
    lease.sending = true
    const { id } = lease.claim
    const { url, timeout, allowPrivateNetworks } = route
    const body = render(route.format, record.payload)
    const headers = {
      ...signedHeaders(route.keys, id, clock(), body),
      ...(record.estimated ? { 'x-virtual-key-estimated': 'true' } : {}),
    }
    const tried = await sender.send({ url, headers, body, timeout, allowPrivateNetworks })
    const number = record.attempts.length - (record.earlier ?? 0) + 1
    const outcome = outcomeOf(tried, number, record.test ? [] : schedule, random())
    this.#report(id, record, url, tried, outcome)
    await this.#end(lease, outcome, { attempt: tried.attempt, url })
  }

  /** Tries until Redis has it: an alert that was delivered but not taken off would be delivered again by somebody. */
  async #end(lease: Lease, outcome: Outcome, added: Added = {}): Promise<void> {
    const { redis, consumer } = this.#options
    const { id, partition } = lease.claim
    const what =
      outcome.state === 'delivered'
        ? 'alerts that were delivered cannot be taken off'
        : 'what became of an alert cannot be written down'
    for (let failed = 0; ; failed++) {
      try {
        await ack(redis, consumer, lease.claim, outcome, added)
        this.#trouble.passed(what, `${partition} ${id}`)
        break
      } catch (error) {
        this.#trouble.failed(what, `${partition} ${id}`, error)
        if (redis.status === 'end' || (this.#stopped && added.attempt === undefined)) {
          this.#trouble.passed(what, `${partition} ${id}`)
          break
        }
        await sleep(Math.min(50 * 2 ** failed, LONGEST_PAUSE))
      }
    }
    this.#leases.drop(lease)
  }

  #report(id: string, record: AlertRecord, url: string, { attempt }: Tried, outcome: Outcome): void {
    const { metrics, log } = this.#options
    const to = wording(id, record, url)
    if (outcome.state === 'delivered') {
      metrics.add('delivered')
      log.info(`${to}: delivered in ${attempt.duration} ms`)
      return
    }
    metrics.add('attempts_failed')
    if (outcome.state === 'dead') {
      this.#giveUp(id, record, url, outcome.reason)
      return
    }
    const problem = JSON.stringify(attempt.error ?? String(attempt.status))
    log.warn(`${to}: attempt failed (${problem}), next in ${Math.round(outcome.delay / 1000)} s`)
  }

  #giveUp(id: string, record: AlertRecord, url: string, reason: string): void {
    const { metrics, log } = this.#options
    metrics.add('dead_lettered')
    const line = `${wording(id, record, url)}: given up: ${JSON.stringify(reason)}; vk alerts replay ${id} sends it again`
    // A test is answered to whoever made it.
    if (record.test) log.error(line)
    else log.critical(line)
  }
}

function wording(id: string, { keyId }: AlertRecord, url: string): string {
  return `alert ${id} of key ${JSON.stringify(keyId)} to ${loggable(url)}`
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url
}
