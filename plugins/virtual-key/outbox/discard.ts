import { outboxNames } from '../redis/names.ts'
import { type Connection, run, SCRIPTS } from '../redis/script.ts'

interface DiscardArguments {
  readonly id: string
  readonly state: 'dead' | 'waiting'
  readonly entry: string | undefined
}

const discardScript = SCRIPTS.script<[DiscardArguments], 0 | 1>('discard')

/**
 * Takes an alert that waits or is dead out of Redis, undelivered. One that is being delivered is no dispatcher's to lose.
 * @returns false: it is not where it was
 * @throws ReplyError or a connection's Error
 */
export async function discard(
  redis: Connection,
  partition: number,
  id: string,
  state: 'dead' | 'waiting',
  entry?: string,
): Promise<boolean> {
  const { retry, alerts, dead, parked } = outboxNames(partition)
  return (await run(redis, discardScript, [retry, alerts, dead, parked], { id, state, entry })) === 1
}
