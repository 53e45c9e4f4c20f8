import { DISPATCHERS, outboxNames, PARTITIONS } from '../redis/names.ts'
import { type Connection, run, SCRIPTS } from '../redis/script.ts'
import type { ThrottledLog } from '../telemetry/throttled-log.ts'
import { type Claim, claim } from './claim.ts'
import type { Leases } from './leases.ts'
import { wake } from './parked.ts'
import type { KeysOf } from './route.ts'

/** How often every process looks for alerts whose owner died and for retries that are due. Unit: milliseconds. */
const SWEEP = 1000
/** How often it forgets processes that are gone. Unit: milliseconds. */
const TIDY = 600_000
/** A process that has not been heard of for this long is gone. Unit: milliseconds. */
const GONE = 3_600_000
/** Alerts of one sort taken from one partition in one sweep. */
const MOST_CLAIMED = 32
/** With this many alerts in hand a sweep takes no more. */
const MOST_HELD = 2000

export interface SweepOptions {
  readonly redis: Connection
  readonly consumer: string
  /** Milliseconds after which the alerts of a silent process are taken over. */
  readonly lease: number
  readonly leases: Leases
  /** Which configurations this process can sign for. */
  readonly keysOf: KeysOf
  /** Gets what was taken over. */
  readonly take: (claims: readonly Claim[]) => void
  /** What else has to be done with Redis every now and then; never throws. */
  readonly also: () => Promise<void>
  readonly trouble: ThrottledLog
  /** 0 to 1. */
  readonly random: () => number
}

/** Looks through the outbox again and again for alerts that nobody delivers. */
export class Sweep {
  readonly #options: SweepOptions
  readonly #partitions = Array.from({ length: PARTITIONS }, () => ({
    /** Since when this process has been in contact with the partition, and when it was last. On the clock of `performance`. */
    since: Number.NEGATIVE_INFINITY,
    last: Number.NEGATIVE_INFINITY,
    /** The newest parked alert that was looked at. */
    parkedMark: '',
    /** Configurations that were learnt since the parked alerts were looked at. */
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

  /** Not in step with other processes: the one whose turn is always just before another's would always win. */
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
   * After a silence each owner gets time to say that it lives, before its alerts count as left behind: Redis may have been away
   * longer than a lease for everybody.
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
      // What was taken is found by a later sweep, here or elsewhere.
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
        // A later look will do.
        (error) => trouble.failed(what, partition, error),
      )
    }
  }
}

const removeScript = SCRIPTS.script<[{ readonly group: string; readonly gone: number }], number>(
  'remove-idle-consumers',
)

/** Forgets processes that are gone. @param gone milliseconds after which a silent process is gone @throws ReplyError or a connection's Error */
export async function removeIdleConsumers(
  redis: Connection,
  partition: number,
  gone = GONE,
): Promise<number> {
  return await run(redis, removeScript, [outboxNames(partition).outbox], { group: DISPATCHERS, gone })
}
