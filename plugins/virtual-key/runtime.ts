import type { RedisConfig } from '../../schema/config.ts'
import { Complaints } from './complaints.ts'
import { Estimator } from './estimate/estimator.ts'
import { Requests } from './estimate/requests.ts'
import { fingerprint } from './keys.ts'
import type { Connection } from './ledger/script.ts'
import { newSettler, Settlements } from './ledger/settlements.ts'
import { lineLog } from './log.ts'
import { Metrics } from './metrics.ts'
import { Dispatcher } from './outbox/dispatcher.ts'
import { Sender } from './outbox/send.ts'
import type { SigningKey } from './outbox/sign.ts'
import { connect } from './redis.ts'

/**
 * What belongs to the process and not to an instance, because instances come and go without notice: one set of connections for
 * each Redis address, made when the first instance asks for it. Nothing is opened at import: Kong waits for the dump to exit.
 */
export interface Runtime {
  readonly redis: Connection
  readonly settlements: Settlements
  readonly dispatcher: Dispatcher
}

export const clock = (): number => Date.now()
export const log = lineLog((line) => process.stdout.write(line))
export const metrics = new Metrics()
export const complaints = new Complaints(clock)
export const estimator = new Estimator()
export const requests = new Requests()

const settler = newSettler()
const signers = new Map<string, readonly SigningKey[]>()
const runtimes = new Map<string, Runtime>()
let sender: Sender | undefined

export function runtimeFor(config: RedisConfig): Runtime {
  const address = fingerprint(config)
  const existing = runtimes.get(address)
  if (existing) return existing
  sender ??= new Sender(clock)
  const link = connect(config, log)
  const { redis } = link
  const dispatcher = new Dispatcher({
    redis,
    consumer: settler,
    sender,
    signers,
    metrics,
    log,
    clock,
    random: Math.random,
  })
  const deliver = dispatcher.take.bind(dispatcher)
  const settlements = new Settlements({ link, settler, metrics, log, deliver })
  const runtime = { redis, settlements, dispatcher }
  runtimes.set(address, runtime)
  dispatcher.start()
  return runtime
}

/** Makes a configuration's signing keys known to the dispatchers; the latest word of each configuration holds. */
export function learnSigner(id: string, keys: readonly SigningKey[]): void {
  signers.set(id, keys)
}

/** Settles what waits, lets attempts in flight end, and closes every connection, within about `patience` milliseconds. */
export async function closeRuntimes(patience: number): Promise<void> {
  await estimator.close(patience / 4)
  await Promise.all(
    [...runtimes.values()].map(async ({ redis, settlements, dispatcher }) => {
      await settlements.stop((patience * 3) / 8)
      await dispatcher.stop((patience * 3) / 8)
      redis.disconnect()
    }),
  )
  runtimes.clear()
  await sender?.close()
  sender = undefined
}
