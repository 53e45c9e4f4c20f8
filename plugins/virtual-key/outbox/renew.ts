import { DISPATCHERS, outboxNames } from '../redis/names.ts'
import { type Connection, run, SCRIPTS } from '../redis/script.ts'
import type { Claim } from './claim.ts'

/**
 * `mine`: nobody else takes it for another lease. `lost`: Redis has lost it (a flush, a failover to older data), so that nobody
 * else can have it either. `theirs`: another process has it, or had it and has ended it.
 */
export type Hold = 'mine' | 'lost' | 'theirs'

interface RenewArguments {
  readonly consumer: string
  readonly group: string
  readonly claims: ReadonlyArray<{ readonly stream_id: string; readonly id: string }>
}

const renewScript = SCRIPTS.script<[RenewArguments], Hold[]>('renew')

/** Keeps claims of one partition from running out. Answers in their order. @throws ReplyError or a connection's Error */
export async function renew(
  redis: Connection,
  partition: number,
  consumer: string,
  claims: readonly Claim[],
): Promise<Hold[]> {
  const { outbox, alerts, dead, delivered } = outboxNames(partition)
  const named = claims.map(({ streamId, id }) => ({ stream_id: streamId, id }))
  return await run(redis, renewScript, [outbox, alerts, dead, delivered], {
    consumer,
    group: DISPATCHERS,
    claims: named,
  })
}
