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
import { SCHEDULE } from './outbox/outcome.ts'
import { scheduleFrom } from './outbox/schedule.ts'
import { Sender } from './outbox/send.ts'
import { connect } from './redis/connection.ts'
import { fingerprint } from './redis/names.ts'
import type { Connection } from './redis/script.ts'
import { Fetches } from './request/lookups.ts'
import { Complaints } from './telemetry/complaints.ts'
import { Heartbeat } from './telemetry/heartbeat.ts'
import { log, metrics } from './telemetry/telemetry.ts'
import { ThrottledLog } from './telemetry/throttled-log.ts'

/**
 * What belongs to the process and not to an instance, because instances come and go without notice: one set of connections for
 * each Redis address, made when the first instance asks for it. Nothing is opened at import: Kong waits for the dump to exit.
 */
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
const TIMEOUT = 10_000

export const clock = (): number => Date.now()
/** Milliseconds from any point in time: it does not jump when the machine's clock is set. */
const steadyClock = (): number => performance.now()
export const complaints = new Complaints(steadyClock)
export const estimator = new Estimator()
export const fetches = new Fetches(steadyClock)

const runtimes = new Map<string, RedisRuntime>()
let sender: Sender | undefined
let spoolFolder: SpoolFolder | undefined
let unclaimed: UnclaimedRecords | undefined

/** Before the first runtime is made: what waits for Redis is written down below Kong's prefix. Without this it is lost with the process. */
export function spoolBelow(prefix: string): void {
  spoolFolder ??= new SpoolFolder(join(prefix, 'virtual-key'))
  unclaimed ??= new UnclaimedRecords(spoolFolder, log)
}

/** The runtime of a Redis address. `user`: id of the configuration; it leaves the address that it named before. */
export function runtimeFor(user: string, config: RedisConfig): RedisRuntime {
  const address = fingerprint(config)
  let runtime = runtimes.get(address)
  if (runtime === undefined) {
    runtime = open(config)
    runtimes.set(address, runtime)
  }
  for (const [other, { users }] of runtimes) {
    if (other !== address && users.delete(user) && users.size === 0) closeUnused(other)
  }
  if (!runtime.users.has(user)) {
    runtime.users.add(user)
    void runtime.heartbeat.beat()
  }
  return runtime
}

/** An operator changed the address, or the password: without this each change would leave a connection and a dispatcher behind. */
function closeUnused(address: string): void {
  const timer = setTimeout(() => {
    const runtime = runtimes.get(address)
    if (runtime === undefined || runtime.users.size > 0) return
    runtimes.delete(address)
    void close(runtime, TIMEOUT)
  }, LINGER)
  timer.unref()
}

function open(config: RedisConfig): RedisRuntime {
  // A name for each runtime, not for the process: each counts its own settlements from 0.
  const processId = newProcessId()
  sender ??= new Sender(clock)
  const link = connect(config, log)
  const { redis } = link
  const dispatcher = new Dispatcher({
    redis,
    consumer: processId,
    sender,
    metrics,
    log,
    clock,
    random: Math.random,
    schedule: retrySchedule(),
  })
  const deliver = dispatcher.take.bind(dispatcher)
  const known = new CounterSnapshots()
  const spool =
    spoolFolder &&
    new UsageSpool({
      folder: spoolFolder,
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

/** VIRTUAL_KEY_RETRY_SCHEDULE, such as `5s,5m,2h`. A plugin server cannot refuse to start for it: Kong would start it again for ever. */
function retrySchedule(): readonly number[] {
  const text = process.env.VIRTUAL_KEY_RETRY_SCHEDULE
  if (text === undefined) return SCHEDULE
  try {
    return scheduleFrom(text)
  } catch (error) {
    log.error(`VIRTUAL_KEY_RETRY_SCHEDULE is ignored: ${(error as Error).message}`)
    return SCHEDULE
  }
}

/** At the very beginning of the end, because Kong kills 0.1 s after SIGTERM: every usage record that is not settled is written down. */
export function secureRuntimes(): void {
  for (const { settler } of runtimes.values()) settler.secure()
}

/** Settles what waits, lets attempts in flight end, and closes every connection, within about `timeout` milliseconds. */
export async function closeRuntimes(timeout: number): Promise<void> {
  unclaimed?.stop()
  await estimator.close(timeout / 4)
  await Promise.all([...runtimes.values()].map((runtime) => close(runtime, (timeout * 3) / 4)))
  runtimes.clear()
  await sender?.close()
  sender = undefined
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
