import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from '../redis/script.ts'
import type { ThrottledLog } from '../telemetry/throttled-log.ts'
import type { AlertRecord } from './alert-record.ts'
import type { Bulkhead } from './bulkhead.ts'
import { type Added, ack, scheduleStart } from './claim.ts'
import type { DeliveryReport } from './delivery-report.ts'
import { whatHolds } from './delivery-settings.ts'
import { render } from './format.ts'
import type { KnownConfigurations } from './known-configurations.ts'
import type { Lease, Leases } from './leases.ts'
import { type Outcome, outcomeOf, parkedOutcome } from './outcome.ts'
import { parkedEntry } from './parked.ts'
import { type KeysOf, type NoRoute, type Route, routeOf, routeOfCrossing } from './route.ts'
import type { Sender } from './send.ts'
import { signedHeaders } from './sign.ts'

/** A route that is older is read again before the attempt: the alert has waited for its turn. Unit: milliseconds. */
const ROUTE_LASTS = 1000
/** Longest pause before Redis is told again what became of an alert. Unit: milliseconds. */
const LONGEST_PAUSE = 1000

/** What the deliveries of one process share. */
export interface DeliveryServices {
  readonly redis: Connection
  /** Name in the consumer group. */
  readonly consumer: string
  readonly sender: Sender
  readonly leases: Leases
  /** Bounds the attempts to each host. */
  readonly bulkhead: Bulkhead
  readonly known: KnownConfigurations
  readonly keysOf: KeysOf
  readonly report: DeliveryReport
  readonly trouble: ThrottledLog
  /** Milliseconds since 1970. */
  readonly clock: () => number
  /** 0 to 1. */
  readonly random: () => number
  /** Waits between attempts, in milliseconds. */
  readonly schedule: readonly number[]
  /** Milliseconds after which an alert that waits for its configuration is looked at again. */
  readonly lookAgain: number | undefined
  /** The process ends: no attempt begins any more. */
  readonly stopped: () => boolean
}

/** What one turn of an alert led to. Redis gets it from `acknowledge`, and from nowhere else. */
interface Result {
  readonly outcome: Outcome
  readonly added?: Added
}

/** One alert from the moment at which this process has it until Redis knows its outcome. */
export class Delivery {
  readonly #services: DeliveryServices
  readonly #lease: Lease
  readonly #record: AlertRecord

  constructor(services: DeliveryServices, lease: Lease, record: AlertRecord) {
    this.#services = services
    this.#lease = lease
    this.#record = record
  }

  /** Finds the route, waits for a turn at the host, and attempts. */
  async run(): Promise<void> {
    const { bulkhead, random, stopped } = this.#services
    const route = await this.#route()
    if (route === undefined) return
    if ('reason' in route) return this.#acknowledge(this.#park(route))
    const from = performance.now()
    const turn = async () => {
      const now = performance.now() - from < ROUTE_LASTS ? route : await this.#route(true)
      if (now === undefined) return
      const result = 'reason' in now ? this.#park(now) : await this.#attempt(now)
      if (result !== undefined) await this.#acknowledge(result)
    }
    if (stopped() || !bulkhead.run(hostOf(route.url), turn)) {
      // The attempts under way to the host get time to end: alerts that came back at once would keep others from their turn.
      await this.#acknowledge({ outcome: { state: 'retry', delay: route.timeout * (1 + random()) } })
    }
  }

  /**
   * Where the alert goes by the settings of this moment. undefined: another process owns it now, or this process ends.
   * @param anew the crossing was a while ago
   */
  async #route(anew = false): Promise<Route | NoRoute | undefined> {
    const { redis, known, keysOf, trouble } = this.#services
    const { claim } = this.#lease
    const { configuration, keyId, since } = this.#record
    if (claim.takenAt === undefined && since === undefined && !anew) {
      known.used(configuration)
      return routeOfCrossing(this.#record, keysOf)
    }
    const what = 'what holds for alerts cannot be read'
    for (;;) {
      if (!(await this.#owned())) return undefined
      try {
        const holds = await whatHolds(redis, configuration, keyId)
        trouble.passed(what, claim.partition)
        return routeOf(this.#record, holds, keysOf)
      } catch (error) {
        trouble.failed(what, claim.partition, error)
        await sleep(200, undefined, { ref: false })
      }
    }
  }

  /** The alert waits for its configuration, or has waited too long. */
  #park({ reason, secrets }: NoRoute): Result {
    const { schedule, random, lookAgain, report } = this.#services
    const { claim } = this.#lease
    const { configuration, parked } = this.#record
    const start = scheduleStart(claim)
    const age = (claim.takenAt ?? start) - start
    const outcome = parkedOutcome(reason, age, parked !== undefined, schedule, random(), lookAgain)
    report.parked(claim.id, this.#record, outcome)
    const entry = outcome.state === 'parked' ? parkedEntry(claim.id, configuration, secrets) : ''
    return { outcome, added: { parkedEntry: entry } }
  }

  /** undefined: another process owns the alert now, or this process ends. */
  async #attempt({ url, timeout, allowPrivateNetworks, format, keys }: Route): Promise<Result | undefined> {
    const { clock, random, sender, schedule, report } = this.#services
    const record = this.#record
    if (!(await this.#owned())) return undefined
    this.#lease.sending = true
    const { id } = this.#lease.claim
    const body = render(format, record.payload)
    const headers = {
      ...signedHeaders(keys, id, clock(), body),
      ...(record.estimated ? { 'x-virtual-key-estimated': 'true' } : {}),
    }
    const tried = await sender.send({ url, headers, body, timeout, allowPrivateNetworks })
    const number = record.attempts.length - (record.earlier ?? 0) + 1
    const outcome = outcomeOf(tried, number, record.test ? [] : schedule, random())
    report.attempted(id, record, url, tried.attempt, outcome)
    return { outcome, added: { attempt: tried.attempt, url } }
  }

  #owned(): Promise<boolean> {
    return this.#services.leases.owns(this.#lease, this.#services.stopped)
  }

  #acknowledge({ outcome, added }: Result): Promise<void> {
    return acknowledge(this.#services, this.#lease, outcome, added)
  }
}

/**
 * Tells Redis what became of an alert, again and again until Redis has it: otherwise another process would send a delivered alert once
 * more. It gives up where the connection is closed for good, or where the process ends and nothing was attempted.
 */
export async function acknowledge(
  { redis, consumer, leases, trouble, stopped }: DeliveryServices,
  lease: Lease,
  outcome: Outcome,
  added: Added = {},
): Promise<void> {
  const { id, partition } = lease.claim
  const what =
    outcome.state === 'delivered'
      ? 'alerts that were delivered cannot be taken off'
      : 'what became of an alert cannot be written down'
  for (let failed = 0; ; failed++) {
    try {
      await ack(redis, consumer, lease.claim, outcome, added)
      trouble.passed(what, `${partition} ${id}`)
      break
    } catch (error) {
      trouble.failed(what, `${partition} ${id}`, error)
      if (redis.status === 'end' || (stopped() && added.attempt === undefined)) {
        trouble.passed(what, `${partition} ${id}`)
        break
      }
      await sleep(Math.min(50 * 2 ** failed, LONGEST_PAUSE))
    }
  }
  leases.drop(lease)
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url
}
