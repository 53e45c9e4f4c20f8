import { DISPATCHERS, outboxNames, PARTITIONS } from '../redis/names.ts'
import { type Connection, run, SCRIPTS } from '../redis/script.ts'
import type { ThrottledLog } from '../telemetry/throttled-log.ts'
import { type Claim, claim } from './claim.ts'
import type { Leases } from './leases.ts'
import { wake } from './parked.ts'
import type { KeysOf } from './route.ts'

/** How often every process looks for alerts whose owner died and for retries that are due. Unit: milliseconds. */
const SWEEP = 1000
/** How often every process removes consumers that are gone. Unit: milliseconds. */
const TIDY = 600_000
/** A consumer that was silent for this long is gone: its process has ended. Unit: milliseconds. */
const GONE = 3_600_000
/** Most alerts of one kind (new, left behind, due) that one sweep takes from one partition. */
const MOST_CLAIMED = 32
/** A process that holds this many alerts takes no more by sweeping. */
const MOST_HELD = 2000

export interface SweepOptions {
  readonly redis: Connection
  readonly consumer: string
  /** Milliseconds after which the alerts of a silent process are taken over. */
  readonly lease: number
  readonly leases: Leases
  /** The secrets of configurations that this process has. */
  readonly keysOf: KeysOf
  /** Is called with the alerts that were taken over. */
  readonly take: (claims: readonly Claim[]) => void
  /** Further work in Redis that each sweep does; never throws. */
  readonly also: () => Promise<void>
  readonly trouble: ThrottledLog
  /** 0 to 1. */
  readonly random: () => number
}

/** Looks through the outbox again and again for alerts that nobody delivers. */
export class Sweep {
  readonly #options: SweepOptions
  readonly #partitions = Array.from({ length: PARTITIONS }, () => ({
    /** When the present contact with the partition began, and when the partition was last reached. On the clock of `performance`. */
    since: Number.NEGATIVE_INFINITY,
    last: Number.NEGATIVE_INFINITY,
    /** Mark of the newest parked alert that was looked at. */
    parkedMark: '',
    /** Configurations that the process has learnt since it last looked at the parked alerts. */
    learnt: new Set<string>(),
  }))
  #removing: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #stopped = false

  constructor(options: SweepOptions) {
    this.#options = options
  }

  start(): void {
    this.#later()
    this.#removing = setInterval(() => this.#removeIdle(), TIDY).unref()
  }

  /** Resolves when the sweep under way, if any, is done. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearInterval(this.#removing)
    await this.#running
  }

  /** The next sweep looks at every parked alert of the configuration. */
  learnt(configuration: string): void {
    for (const { learnt } of this.#partitions) learnt.add(configuration)
  }

  /** The wait is random: of two processes that sweep in step, one would always be first. */
  #later(): void {
    if (this.#stopped) return
    const { lease, random } = this.#options
    const wait = Math.min(SWEEP, lease / 6) * (0.5 + random())
    setTimeout(() => {
      this.#run()
      this.#later()
    }, wait).unref()
  }

  #run(): void {
    const { redis, also } = this.#options
    if (redis.status !== 'ready' || this.#stopped || this.#running !== undefined) return
    const looks = this.#partitions.map((_, partition) => this.#look(partition))
    this.#running = Promise.all([also(), ...looks]).then(() => {
      this.#running = undefined
    })
  }

  /**
   * Redis may have been away from all processes for longer than a lease. So after a pause every owner gets time to renew its claims
   * before its alerts count as left behind.
   */
  async #look(partition: number): Promise<void> {
    const { lease, leases, trouble } = this.#options
    const contact = this.#partitions[partition]
    if (contact === undefined || leases.size >= MOST_HELD) return
    const what = 'the outbox cannot be looked at'
    try {
      const now = performance.now()
      if (now - contact.last > lease / 3) {
        await leases.renew(partition)
        contact.since = now
      }
      const steady = now - contact.since >= lease / 3
      const mark = await this.#claim(partition, steady)
      if (await this.#wakeParked(partition, mark)) await this.#claim(partition, steady)
      contact.last = performance.now()
      trouble.passed(what, partition)
    } catch (error) {
      // A later sweep, of this process or another, finds what Redis had handed out already.
      trouble.failed(what, partition, error)
    }
  }

  /** @returns the newest mark among the parked alerts */
  async #claim(partition: number, steady: boolean): Promise<string> {
    const { redis, consumer, lease, take } = this.#options
    const { claims, parkedMark } = await claim(redis, partition, consumer, steady ? lease : 0, MOST_CLAIMED)
    take(claims)
    return parkedMark
  }

  /** Looks at parked alerts only where some are new, or where this process has learnt a configuration. */
  async #wakeParked(partition: number, mark: string): Promise<boolean> {
    const contact = this.#partitions[partition]
    if (contact === undefined) return false
    const { learnt, parkedMark } = contact
    if (learnt.size === 0 && mark === parkedMark) return false
    contact.learnt = new Set()
    let woken = 0
    try {
      if (mark !== '') {
        const after = learnt.size === 0 && Number(mark) > Number(parkedMark) ? parkedMark : ''
        woken = await wake(this.#options.redis, partition, after, (configuration, secrets) => {
          return learnt.has(configuration) || this.#options.keysOf(configuration, secrets) !== undefined
        })
      }
      contact.parkedMark = mark
    } catch (error) {
      for (const configuration of learnt) contact.learnt.add(configuration)
      throw error
    }
    return woken > 0
  }

  #removeIdle(): void {
    const { redis, trouble } = this.#options
    if (redis.status !== 'ready') return
    const what = 'consumers that are gone cannot be removed'
    for (let partition = 0; partition < PARTITIONS; partition++) {
      removeIdleConsumers(redis, partition).then(
        () => trouble.passed(what, partition),
        // The next run tries again.
        (error) => trouble.failed(what, partition, error),
      )
    }
  }
}

const removeScript = SCRIPTS.script<[{ readonly group: string; readonly gone: number }], number>(
  'remove-idle-consumers',
)

/** Removes consumers of processes that are gone. @param gone milliseconds after which a silent consumer is gone @throws ReplyError or a connection's Error */
export async function removeIdleConsumers(
  redis: Connection,
  partition: number,
  gone = GONE,
): Promise<number> {
  return await run(redis, removeScript, [outboxNames(partition).outbox], { group: DISPATCHERS, gone })
}
