import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from '../redis/script.ts'
import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { ThrottledLog } from '../telemetry/throttled-log.ts'
import { Bulkhead } from './bulkhead.ts'
import { type Claim, LEASE } from './claim.ts'
import { acknowledge, Delivery, type DeliveryServices } from './delivery.ts'
import { DeliveryReport } from './delivery-report.ts'
import type { DeliverySettings } from './delivery-settings.ts'
import { KnownConfigurations } from './known-configurations.ts'
import { Leases } from './leases.ts'
import { SCHEDULE } from './outcome.ts'
import type { KeysOf } from './route.ts'
import type { Sender } from './send.ts'
import type { SigningKey } from './sign.ts'
import { Sweep } from './sweep.ts'

/** Attempts at once to one host, and alerts that wait in memory for their turn there. */
const ATTEMPTS_PER_HOST = 8
const WAITING_PER_HOST = 64

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
  /** Milliseconds after which an alert that waits for its configuration is looked at again. */
  readonly lookAgain?: number
}

/** Delivers alerts: those of this process's own crossings at once, and by sweeping the outbox those that others left behind. */
export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #leases: Leases
  readonly #known: KnownConfigurations
  readonly #sweep: Sweep
  readonly #report: DeliveryReport
  readonly #services: DeliveryServices
  #renewing: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: DispatcherOptions) {
    this.#options = options
    const { redis, consumer, sender, signers, clock, random, lease = LEASE } = options
    const trouble = new ThrottledLog(options.log, () => performance.now())
    const known = new KnownConfigurations(redis, trouble)
    const keysOf: KeysOf = (configuration, mark) =>
      signers?.get(configuration) ?? known.keysOf(configuration, mark)
    const leases = new Leases(redis, consumer, lease, trouble)
    this.#known = known
    this.#leases = leases
    this.#report = new DeliveryReport(options.metrics, options.log)
    this.#sweep = new Sweep({
      redis,
      consumer,
      lease,
      leases,
      keysOf,
      take: (claims) => this.take(claims),
      also: () => known.share(),
      trouble,
      random,
    })
    this.#services = {
      redis,
      consumer,
      sender,
      leases,
      bulkhead: new Bulkhead(ATTEMPTS_PER_HOST, WAITING_PER_HOST),
      known,
      keysOf,
      report: this.#report,
      trouble,
      clock,
      random,
      schedule: options.schedule ?? SCHEDULE,
      lookAgain: options.lookAgain,
      stopped: () => this.#stopped,
    }
  }

  start(): void {
    this.#sweep.start()
    const { redis, lease = LEASE } = this.#options
    const renew = () => {
      if (redis.status === 'ready') this.#leases.renewAll()
    }
    this.#renewing = setInterval(renew, lease / 6).unref()
  }

  /** Alerts that this process owns. */
  get owned(): number {
    return this.#leases.size
  }

  /** Kong has told this process about a configuration, or about a change: alerts that wait for it go out. Returns at once. */
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
      if (one.record !== undefined) {
        void new Delivery(this.#services, lease, one.record).run()
        continue
      }
      const reason = 'the record cannot be read'
      this.#report.unreadable(one.id, reason)
      void acknowledge(this.#services, lease, { state: 'dead', reason })
    }
  }

  /** Hands back what was not attempted yet and lets attempts in flight end, for at most `timeout` milliseconds. */
  async stop(timeout: number): Promise<void> {
    this.#stopped = true
    clearInterval(this.#renewing)
    await this.#sweep.stop()
    for (const lease of this.#leases.all()) {
      if (!lease.sending) void acknowledge(this.#services, lease, { state: 'retry', delay: 0 })
    }
    const deadline = performance.now() + timeout
    while (this.#leases.size > 0 && performance.now() < deadline) await sleep(20)
  }
}
