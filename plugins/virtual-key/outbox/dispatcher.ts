import { PARTITIONS } from '../keys.ts'
import type { Connection } from '../ledger/script.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { type Claim, claim, LEASE } from './claim.ts'
import { finish } from './finish.ts'
import { render } from './format.ts'
import { Lanes } from './lanes.ts'
import { type Outcome, outcomeOf, SCHEDULE, type Tried } from './outcome.ts'
import type { AlertRecord } from './record.ts'
import { renew } from './renew.ts'
import type { Sender } from './send.ts'
import { type SigningKey, signedHeaders } from './sign.ts'
import { loggable } from './target.ts'
import { tidy } from './tidy.ts'

/** How often every dispatcher looks for alerts whose owner died and for retries that are due. Unit: milliseconds. */
const SWEEP = 1000
/** How often it forgets processes that are gone. Unit: milliseconds. */
const TIDY = 600_000
/** Attempts at once to one host, and alerts that wait in memory for their turn there. */
const LANE_WIDTH = 8
const LANE_LONGEST = 64
/** Alerts of one sort taken from one partition in one sweep. */
const MOST_CLAIMED = 32
/** With this many alerts in hand a sweep takes no more. */
const MOST_HELD = 2000
/** Wait before an alert whose secrets this process does not know is looked at again, here or elsewhere. Unit: milliseconds. */
const PUT_BACK = 1000

/** The signing keys of a configuration, by its id; undefined where this process has not seen it. */
export interface Signers {
  get(signer: string): readonly SigningKey[] | undefined
}

export interface DispatcherOptions {
  readonly redis: Connection
  /** Name in the consumer group; unique for each process. */
  readonly consumer: string
  readonly sender: Sender
  readonly signers: Signers
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
}

interface Held {
  readonly claim: Claim
  /** Until then nobody else can have taken it. On the clock of `performance`. */
  sureUntil: number
  sending: boolean
}

/** Delivers alerts: those of this process's own crossings at once, and by sweeping the outbox those that others left behind. */
export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #lease: number
  readonly #lanes = new Lanes(LANE_WIDTH, LANE_LONGEST)
  /** By partition and stream id. */
  readonly #held = new Map<string, Held>()
  readonly #timers: NodeJS.Timeout[] = []
  readonly #contact = Array.from({ length: PARTITIONS }, () => ({
    since: Number.NEGATIVE_INFINITY,
    last: Number.NEGATIVE_INFINITY,
  }))
  readonly #unknown = new Set<string>()
  #sweeping: Promise<void> | undefined
  #stopped = false

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#lease = options.lease ?? LEASE
  }

  start(): void {
    this.#sweepLater()
    this.#timers.push(
      setInterval(() => this.#renewAll(), this.#lease / 6),
      setInterval(() => this.#tidy(), TIDY),
    )
    for (const timer of this.#timers) timer.unref()
  }

  /** Alerts in this process's hands. */
  get held(): number {
    return this.#held.size
  }

  /** Starts delivering alerts that this process owns. Returns at once and never throws. */
  take(claims: readonly Claim[]): void {
    for (const one of claims) {
      const place = placeOf(one)
      if (this.#held.has(place)) continue
      const held: Held = { claim: one, sureUntil: this.#surely(), sending: false }
      this.#held.set(place, held)
      if (one.record === undefined) {
        this.#options.log.error(`alert ${JSON.stringify(one.id)} is buried: its record cannot be read`)
        void this.#end(held, { state: 'dead', reason: 'the record cannot be read' })
        continue
      }
      const { record } = one
      const deliver = () => this.#deliver(held, record)
      if (this.#stopped || !this.#lanes.run(hostOf(record.url), deliver)) {
        // Not before the host's lane has had time to move on: alerts in a circle would keep others from their turn.
        void this.#end(held, { state: 'retry', delay: record.timeout * (1 + this.#options.random()) })
      }
    }
  }

  /** Hands back what was not attempted yet and lets attempts in flight end, for at most `patience` milliseconds. */
  async stop(patience: number): Promise<void> {
    this.#stopped = true
    for (const timer of this.#timers) clearInterval(timer)
    await this.#sweeping
    for (const held of this.#held.values()) {
      if (!held.sending) void this.#end(held, { state: 'retry', delay: 0 })
    }
    const deadline = performance.now() + patience
    while (this.#held.size > 0 && performance.now() < deadline)
      await new Promise((wake) => setTimeout(wake, 20))
  }

  /** A third of the lease is left for replies that were long on their way. */
  #surely(): number {
    return performance.now() + (this.#lease * 2) / 3
  }

  /** Not in step with other processes: the one whose turn is always just before another's would always win. */
  #sweepLater(): void {
    if (this.#stopped) return
    const wait = Math.min(SWEEP, this.#lease / 6) * (0.5 + this.#options.random())
    setTimeout(() => {
      this.#sweep()
      this.#sweepLater()
    }, wait).unref()
  }

  #sweep(): void {
    if (this.#options.redis.status !== 'ready' || this.#stopped || this.#sweeping !== undefined) return
    this.#sweeping = Promise.all(this.#contact.map((_, partition) => this.#sweepOne(partition))).then(() => {
      this.#sweeping = undefined
    })
  }

  /**
   * After a silence each owner gets time to say that it lives, before its alerts count as left behind: Redis may have been away
   * longer than a lease for everybody.
   */
  async #sweepOne(partition: number): Promise<void> {
    const { redis, consumer } = this.#options
    const contact = this.#contact[partition]
    if (contact === undefined || this.#held.size >= MOST_HELD) return
    try {
      const now = performance.now()
      if (now - contact.last > this.#lease / 3) {
        await this.#renew(partition)
        contact.since = now
      }
      const steady = now - contact.since >= this.#lease / 3
      this.take(await claim(redis, partition, consumer, steady ? this.#lease : 0, MOST_CLAIMED))
      contact.last = performance.now()
    } catch {
      // Redis went away in between: what was taken is found by a later sweep, here or elsewhere.
    }
  }

  #renewAll(): void {
    if (this.#options.redis.status !== 'ready') return
    for (const partition of new Set([...this.#held.values()].map(({ claim }) => claim.partition))) {
      // Redis went away in between: no attempt starts before a claim is sure again.
      this.#renew(partition).catch(() => undefined)
    }
  }

  #tidy(): void {
    const { redis } = this.#options
    // A later look will do.
    for (let partition = 0; partition < PARTITIONS; partition++) tidy(redis, partition).catch(() => undefined)
  }

  async #renew(partition: number): Promise<void> {
    const { redis, consumer } = this.#options
    const held = [...this.#held.values()].filter(({ claim }) => claim.partition === partition)
    if (held.length === 0) return
    const holds = await renew(
      redis,
      partition,
      consumer,
      held.map(({ claim }) => claim),
    )
    for (const [i, one] of held.entries()) {
      if (holds[i] !== 'theirs') one.sureUntil = this.#surely()
      else if (!one.sending) this.#held.delete(placeOf(one.claim))
    }
  }

  /** Whether the alert is still this process's to attempt. A process that was stopped for a while may have lost it. */
  async #own(held: Held): Promise<boolean> {
    const place = placeOf(held.claim)
    while (this.#held.get(place) === held && !this.#stopped) {
      if (performance.now() < held.sureUntil) return true
      try {
        await this.#renew(held.claim.partition)
      } catch {
        await new Promise((wake) => setTimeout(wake, 200))
      }
    }
    return false
  }

  async #deliver(held: Held, record: AlertRecord): Promise<void> {
    const { clock, random, sender, schedule = SCHEDULE } = this.#options
    if (!(await this.#own(held))) return
    const keys = this.#keysOf(record)
    if (keys === undefined) return this.#end(held, { state: 'retry', delay: PUT_BACK * (1 + random()) })
    held.sending = true
    const { id } = held.claim
    const { url, timeout, allowPrivateNetworks } = record
    const body = render(record.format, record.payload)
    const headers = {
      ...signedHeaders(keys, id, clock(), body),
      ...(record.estimated ? { 'x-virtual-key-estimated': 'true' } : {}),
    }
    const tried = await sender.send({ url, headers, body, timeout, allowPrivateNetworks })
    const number = record.attempts.length - (record.earlier ?? 0) + 1
    const outcome = outcomeOf(tried, number, record.test ? [] : schedule, random())
    this.#report(id, record, tried, outcome)
    await this.#end(held, outcome, tried)
  }

  /** undefined: somebody else has to sign it. */
  #keysOf({ signer, keyId }: AlertRecord): readonly SigningKey[] | undefined {
    if (signer === undefined) return []
    const keys = this.#options.signers.get(signer)
    if (keys === undefined && !this.#unknown.has(signer)) {
      this.#unknown.add(signer)
      this.#options.log.info(
        `alerts of key ${JSON.stringify(keyId)} wait for a process that knows the secrets of configuration ${JSON.stringify(signer)}`,
      )
    }
    return keys
  }

  /** Tries until Redis has it: an alert that was delivered but not taken off would be delivered again by somebody. */
  async #end(held: Held, outcome: Outcome, tried?: Tried): Promise<void> {
    const { redis, consumer } = this.#options
    for (let failed = 0; ; failed++) {
      try {
        await finish(redis, consumer, held.claim, outcome, tried?.attempt)
        break
      } catch {
        if (redis.status === 'end' || (this.#stopped && tried === undefined)) break
        await new Promise((wake) => setTimeout(wake, Math.min(50 * 2 ** failed, 500)))
      }
    }
    this.#held.delete(placeOf(held.claim))
  }

  #report(id: string, record: AlertRecord, { attempt }: Tried, outcome: Outcome): void {
    const { metrics, log } = this.#options
    const to = `alert ${id} of key ${JSON.stringify(record.keyId)} to ${loggable(record.url)}`
    if (outcome.state === 'delivered') {
      metrics.add('delivered')
      log.info(`${to}: delivered in ${attempt.duration} ms`)
      return
    }
    const problem = JSON.stringify(attempt.error ?? String(attempt.status))
    metrics.add('attempts_failed')
    if (outcome.state === 'retry') {
      log.warn(`${to}: attempt failed (${problem}), next in ${Math.round(outcome.delay / 1000)} s`)
      return
    }
    metrics.add('buried')
    log.error(`${to}: given up: ${JSON.stringify(outcome.reason)}`)
  }
}

function placeOf({ partition, streamId }: Claim): string {
  return `${partition} ${streamId}`
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url
}
