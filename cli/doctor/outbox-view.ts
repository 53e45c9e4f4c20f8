import { type AlertRecord, recordFrom } from '../../plugins/virtual-key/outbox/alert-record.ts'
import { LEASE } from '../../plugins/virtual-key/outbox/claim.ts'
import { DISPATCHERS, outboxNames, PARTITIONS } from '../../plugins/virtual-key/redis/names.ts'
import type { Connection } from '../../plugins/virtual-key/redis/script.ts'

/** The outbox from outside: exact numbers, but only a few records of each partition, so that a large one can be read too. */
export interface OutboxView {
  /** Alerts that a dispatcher has claimed or can claim. */
  readonly fresh: number
  /** Alerts that wait for another attempt. */
  readonly waiting: number
  /** Those of them that have been due for long and that no dispatcher has claimed. */
  readonly overdue: number
  /** Whether a new alert has been unclaimed for as long. */
  readonly stale: boolean
  /** Processes that read the outbox a moment ago. */
  readonly dispatchers: number
  /** Milliseconds since 1970, by Redis's clock. */
  readonly now: number
  readonly records: readonly AlertRecord[]
}

/** Records that are read from each end of each list. */
const FEW = 10
/** Within this time a live dispatcher claims what is due, and what a dead one left. Unit: milliseconds. */
export const GRACE = 2 * LEASE

/** @throws ReplyError or a connection's Error */
export async function viewOutbox(redis: Connection): Promise<OutboxView> {
  const [seconds = 0] = (await redis.time()).map(Number)
  const now = seconds * 1000
  const views = await Promise.all(
    Array.from({ length: PARTITIONS }, (_, partition) => viewPartition(redis, partition, now)),
  )
  const sum = (of: 'fresh' | 'waiting' | 'overdue') => views.reduce((all, one) => all + one[of], 0)
  return {
    now,
    fresh: sum('fresh'),
    waiting: sum('waiting'),
    overdue: sum('overdue'),
    stale: views.some(({ stale }) => stale),
    dispatchers: new Set(views.flatMap(({ consumers }) => consumers)).size,
    records: views.flatMap(({ records }) => records),
  }
}

async function viewPartition(redis: Connection, partition: number, now: number) {
  const { outbox, alerts, retry } = outboxNames(partition)
  const [fresh, waiting, overdue, entries, soonest, latest, consumers] = await Promise.all([
    redis.xlen(outbox),
    redis.zcard(retry),
    redis.zcount(retry, '-inf', now - GRACE),
    redis.xrange(outbox, '-', '+', 'COUNT', FEW),
    redis.zrange(retry, '0', `${FEW - 1}`),
    // Those that have failed for longest wait for longest.
    redis.zrange(retry, `-${FEW}`, '-1'),
    liveConsumers(redis, outbox),
  ])
  const ids = new Set([...entries.flatMap(([, fields]) => fields[1] ?? []), ...soonest, ...latest])
  const texts = ids.size === 0 ? [] : await redis.hmget(alerts, ...ids)
  const [first] = entries
  return {
    fresh,
    waiting,
    overdue,
    // An entry's id begins with the time at which it was added.
    stale: first !== undefined && Number.parseInt(first[0], 10) < now - GRACE,
    consumers,
    records: texts.flatMap((text) => (text === null ? [] : (recordFrom(text) ?? []))),
  }
}

/** Every dispatcher reads at least once a second, and Redis notes that in its consumer. */
async function liveConsumers(redis: Connection, outbox: string): Promise<string[]> {
  // There is no stream or group yet, so no dispatcher has read it.
  const consumers = (await redis.xinfo('CONSUMERS', outbox, DISPATCHERS).catch(() => [])) as unknown[][]
  return consumers.flatMap((fields) => {
    const fact = (name: string) => fields[fields.indexOf(name) + 1]
    return Number(fact('idle')) < LEASE ? [String(fact('name'))] : []
  })
}
