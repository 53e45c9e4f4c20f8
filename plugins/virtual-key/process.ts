import { join } from 'node:path'
import type { RedisConfig } from '../../schema/config.ts'
import { Admissions } from './admission/admissions.ts'
import { CounterSnapshots } from './metering/counter-snapshots.ts'
import { Estimator } from './metering/estimate/estimator.ts'
import { redisName } from './metering/spool/redis-name.ts'
import { SpoolFolder } from './metering/spool/spool-folder.ts'
import { UnclaimedRecords } from './metering/spool/unclaimed-records.ts'
import { UsageSpool } from './metering/spool/usage-spool.ts'
import { newProcessId, UsageSettler } from './metering/usage-settler.ts'
import { Dispatcher } from './outbox/dispatcher.ts'
import { SCHEDULE, scheduleFrom } from './outbox/outcome.ts'
import { Sender } from './outbox/send.ts'
import { connect } from './redis/connection.ts'
import { Heartbeat } from './redis/heartbeat.ts'
import { fingerprint } from './redis/names.ts'
import type { Connection } from './redis/script.ts'
import { Fetches } from './request/lookups.ts'
import type { Log } from './telemetry/log.ts'
import { newTelemetry, type Telemetry } from './telemetry/telemetry.ts'
import { ThrottledLog } from './telemetry/throttled-log.ts'
import { UncountedLog } from './telemetry/uncounted-log.ts'

/** One set of connections for a Redis address, made when the first configuration asks for it, because instances come and go without notice. */
export interface RedisRuntime {
  readonly redis: Connection
  readonly settler: UsageSettler
  readonly admissions: Admissions
  readonly dispatcher: Dispatcher
  readonly heartbeat: Heartbeat
  /** Ids of the configurations that use it. */
  readonly users: Set<string>
}

/** How long a Redis address that no configuration names any more is kept for instances that still hold it. Unit: milliseconds. */
const LINGER = 120_000
/** Time for what such an address still has to settle and deliver. Unit: milliseconds. */
const CLOSING = 10_000

/** Milliseconds from any point in time: it does not jump when the machine's clock is set. */
const steadyClock = (): number => performance.now()

export interface ProcessOptions {
  readonly telemetry?: Telemetry
  /** Kong's prefix: what waits for Redis is written down below it. Absent: it is lost with the process. */
  readonly prefix?: string
}

/**
 * The composition root: what belongs to the process and not to an instance of the plugin, made once and handed in. Nothing is opened
 * before it is needed.
 */
export class ProcessServices {
  readonly telemetry: Telemetry
  readonly uncounted: UncountedLog
  readonly estimator = new Estimator()
  readonly fetches: Fetches
  readonly #runtimes = new Map<string, RedisRuntime>()
  readonly #spoolFolder: SpoolFolder | undefined
  readonly #unclaimed: UnclaimedRecords | undefined
  #sender: Sender | undefined

  constructor({ telemetry = newTelemetry(), prefix }: ProcessOptions = {}) {
    this.telemetry = telemetry
    this.uncounted = new UncountedLog(steadyClock)
    this.fetches = new Fetches(steadyClock)
    if (prefix === undefined) return
    this.#spoolFolder = new SpoolFolder(join(prefix, 'virtual-key'))
    this.#unclaimed = new UnclaimedRecords(this.#spoolFolder, telemetry.log)
  }

  /** Milliseconds since 1970. */
  readonly clock = (): number => Date.now()

  /** The runtime of a Redis address. `user`: id of the configuration; it no longer uses the address that it named before. */
  runtimeFor(user: string, config: RedisConfig): RedisRuntime {
    const address = fingerprint(config)
    let runtime = this.#runtimes.get(address)
    if (runtime === undefined) {
      runtime = this.#open(config)
      this.#runtimes.set(address, runtime)
    }
    for (const [other, { users }] of this.#runtimes) {
      if (other !== address && users.delete(user) && users.size === 0) this.#closeUnused(other)
    }
    if (!runtime.users.has(user)) {
      runtime.users.add(user)
      void runtime.heartbeat.beat()
    }
    return runtime
  }

  /** At the very beginning of the end, because Kong kills 0.1 s after SIGTERM: every usage record that is not settled is written down. */
  secure(): void {
    for (const { settler } of this.#runtimes.values()) settler.secure()
  }

  /** Settles what waits, lets attempts in flight end, and closes every connection, within about `timeout` milliseconds. */
  async close(timeout: number): Promise<void> {
    this.#unclaimed?.stop()
    await this.estimator.close(timeout / 4)
    await Promise.all([...this.#runtimes.values()].map((runtime) => close(runtime, (timeout * 3) / 4)))
    this.#runtimes.clear()
    await this.#sender?.close()
    this.#sender = undefined
  }

  /** An operator changed the address, or the password: without this each change would leave a connection and a dispatcher behind. */
  #closeUnused(address: string): void {
    const timer = setTimeout(() => {
      const runtime = this.#runtimes.get(address)
      if (runtime === undefined || runtime.users.size > 0) return
      this.#runtimes.delete(address)
      void close(runtime, CLOSING)
    }, LINGER)
    timer.unref()
  }

  #open(config: RedisConfig): RedisRuntime {
    const { log, metrics } = this.telemetry
    // A name for each runtime, not for the process: each counts its own usage records from 0.
    const processId = newProcessId()
    this.#sender ??= new Sender(this.clock)
    const link = connect(config, log)
    const { redis } = link
    const dispatcher = new Dispatcher({
      redis,
      consumer: processId,
      sender: this.#sender,
      metrics,
      log,
      clock: this.clock,
      random: Math.random,
      schedule: retrySchedule(log),
    })
    const deliver = dispatcher.take.bind(dispatcher)
    const known = new CounterSnapshots()
    const spool =
      this.#spoolFolder &&
      new UsageSpool({
        folder: this.#spoolFolder,
        redis: redisName(config),
        runtime: processId,
        metrics,
        log,
        now: steadyClock,
      })
    const settler = new UsageSettler({ link, processId, known, metrics, log, deliver, spool })
    const admissions = new Admissions({ link, processId, known, deliver })
    const users = new Set<string>()
    const heartbeat = new Heartbeat({
      redis,
      processId,
      configurations: users,
      // The spool holds what waits in memory too, and more where that is full.
      waiting: () => Math.max(settler.waiting, settler.spooled),
      lastSettled: () => settler.lastSettled,
      trouble: new ThrottledLog(log, steadyClock),
    })
    dispatcher.start()
    heartbeat.start()
    return { redis, settler, admissions, dispatcher, heartbeat, users }
  }
}

/** VIRTUAL_KEY_RETRY_SCHEDULE, such as `5s,5m,2h`. A wrong value must not keep the plugin server from starting: Kong would start it again for ever. */
function retrySchedule(log: Log): readonly number[] {
  const text = process.env.VIRTUAL_KEY_RETRY_SCHEDULE
  if (text === undefined) return SCHEDULE
  try {
    return scheduleFrom(text)
  } catch (error) {
    log.error(`VIRTUAL_KEY_RETRY_SCHEDULE is ignored: ${(error as Error).message}`)
    return SCHEDULE
  }
}

async function close(
  { redis, settler, dispatcher, heartbeat }: RedisRuntime,
  timeout: number,
): Promise<void> {
  heartbeat.stop()
  await settler.stop(timeout / 2)
  await dispatcher.stop(timeout / 2)
  redis.disconnect()
}
