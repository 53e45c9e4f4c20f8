import { PARTITIONS } from '../keys.ts'
import type { Connection } from '../ledger/script.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { type Claim, claim, LEASE, renew } from './claim.ts'
import { finish } from './finish.ts'
import { Lanes } from './lanes.ts'
import { type Outcome, outcomeOf, SCHEDULE, type Tried } from './outcome.ts'
import type { Sender } from './send.ts'
import { type SigningKey, signedHeaders } from './sign.ts'
import { loggable } from './target.ts'

/** How often every dispatcher looks for alerts whose owner died and for retries that are due. Unit: milliseconds. */
const SWEEP = 1000
/** Attempts at once to one host, and alerts that wait in memory for their turn there. */
const LANE_WIDTH = 8
const LANE_LONGEST = 64
/** Alerts of one sort taken from one partition in one sweep. */
const MOST_CLAIMED = 32
/** Wait before an alert that could not be attempted here is looked at again, here or elsewhere. Unit: milliseconds. */
const PUT_BACK = 1000

/** The signing keys of a configuration, by its id; undefined where this process has not seen it. */
export type Signers = ReadonlyMap<string, readonly SigningKey[]>

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
  readonly schedule?: readonly number[]
}

/** Delivers alerts: those of this process's own crossings at once, and by sweeping the outbox those that others left behind. */
export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #lanes = new Lanes(LANE_WIDTH, LANE_LONGEST)
  readonly #held = new Map<string, Claim>()
  readonly #timers: NodeJS.Timeout[] = []
  #sweeping: Promise<void> | undefined
  #stopped = false

  constructor(options: DispatcherOptions) {
    this.#options = options
  }

  start(): void {
    this.#timers.push(
      setInterval(() => this.#sweep(), SWEEP),
      setInterval(() => this.#renew(), LEASE / 3),
    )
    for (const timer of this.#timers) timer.unref()
  }

  /** Alerts in this process's hands. */
  get held(): number {
    return this.#held.size
  }

  /** Starts delivering alerts that this process owns. Returns at once. */
  take(claims: readonly Claim[]): void {
    for (const one of claims) {
      if (this.#held.has(one.id)) continue
      this.#held.set(one.id, one)
      const deliver = () => this.#deliver(one).finally(() => this.#held.delete(one.id))
      if (this.#stopped || !this.#lanes.run(hostOf(one.record.url), deliver)) {
        void this.#finish(one, { state: 'retry', delay: PUT_BACK }, undefined).finally(() =>
          this.#held.delete(one.id),
        )
      }
    }
  }

  /** Stops taking alerts and lets attempts in flight end, for at most `patience` milliseconds; others claim what is left. */
  async stop(patience: number): Promise<void> {
    this.#stopped = true
    for (const timer of this.#timers) clearInterval(timer)
    await this.#sweeping
    const deadline = performance.now() + patience
    while (this.#held.size > 0 && performance.now() < deadline)
      await new Promise((wake) => setTimeout(wake, 20))
  }

  #sweep(): void {
    const { redis, consumer } = this.#options
    if (redis.status !== 'ready' || this.#stopped || this.#sweeping !== undefined) return
    this.#sweeping = Promise.all(
      Array.from({ length: PARTITIONS }, async (_, partition) => {
        try {
          this.take(await claim(redis, partition, consumer, MOST_CLAIMED))
        } catch {
          // Redis went away in between: the claims run out and are found by a later sweep, here or elsewhere.
        }
      }),
    ).then(() => {
      this.#sweeping = undefined
    })
  }

  #renew(): void {
    const { redis, consumer } = this.#options
    if (redis.status !== 'ready') return
    const byPartition = new Map<number, string[]>()
    for (const { partition, streamId } of this.#held.values()) {
      byPartition.set(partition, [...(byPartition.get(partition) ?? []), streamId])
    }
    for (const [partition, streamIds] of byPartition) {
      // Redis went away in between: a claim that runs out may be delivered twice, under the same webhook-id.
      renew(redis, partition, consumer, streamIds).catch(() => undefined)
    }
  }

  async #deliver(one: Claim): Promise<void> {
    const { clock, random, sender, signers, schedule = SCHEDULE } = this.#options
    const { record, id } = one
    const keys = record.signer === undefined ? [] : signers.get(record.signer)
    if (keys === undefined || this.#stopped) {
      return this.#finish(one, { state: 'retry', delay: PUT_BACK }, undefined)
    }
    const { url, payload: body, timeout, allowPrivateNetworks } = record
    const headers = {
      ...signedHeaders(keys, id, clock(), body),
      ...(record.estimated ? { 'x-virtual-key-estimated': 'true' } : {}),
    }
    const tried = await sender.send({ url, headers, body, timeout, allowPrivateNetworks })
    const outcome = outcomeOf(tried, record.attempts.length + 1, schedule, random())
    this.#report(one, tried, outcome)
    await this.#finish(one, outcome, tried)
  }

  /** Tries until Redis has it: an alert that was delivered but not taken off would be delivered again by somebody. */
  async #finish(one: Claim, outcome: Outcome, tried: Tried | undefined): Promise<void> {
    const { redis, consumer } = this.#options
    const patience = this.#stopped ? 1 : Number.POSITIVE_INFINITY
    for (let failed = 0; failed < patience; failed++) {
      try {
        await finish(redis, consumer, one, outcome, tried?.attempt)
        return
      } catch {
        if (this.#stopped) return
        await new Promise((wake) => setTimeout(wake, Math.min(100 * 2 ** failed, 5000)))
      }
    }
  }

  #report({ id, record }: Claim, { attempt }: Tried, outcome: Outcome): void {
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

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url
}
