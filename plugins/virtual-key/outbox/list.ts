import { outboxNames, PARTITIONS } from '../redis/names.ts'
import type { Connection } from '../redis/script.ts'
import { type AlertRecord, recordFrom } from './alert-record.ts'

/** `new`: with a dispatcher, or on its way to one. `waiting`: for its next attempt. */
export type State = 'new' | 'waiting' | 'dead' | 'delivered'

/** An alert as an operator sees it. */
export interface ListedAlert {
  readonly id: string
  readonly state: State
  readonly partition: number
  readonly record: AlertRecord
  /** When its next attempt is due, in milliseconds since 1970; only while it waits. */
  readonly due?: number
  /** Why it is dead. */
  readonly reason?: string
  /** Its entry in the dead or delivered stream. */
  readonly entry?: string
}

/**
 * Every alert in Redis, the delivered ones as far back as the history goes. Looks partition by partition, so that a large outbox
 * is never in one reply. What is no record is left out. @throws ReplyError or a connection's Error
 */
export async function listAlerts(redis: Connection): Promise<ListedAlert[]> {
  const all: ListedAlert[] = []
  for (let partition = 0; partition < PARTITIONS; partition++) {
    all.push(...(await listPartition(redis, partition)))
  }
  return all
}

/** As `survey`, of one partition. */
export async function listPartition(redis: Connection, partition: number): Promise<ListedAlert[]> {
  const { alerts, retry, dead, delivered } = outboxNames(partition)
  const records = await redis.hgetall(alerts)
  const scores = await redis.zrangebyscore(retry, '-inf', '+inf', 'WITHSCORES')
  const due = new Map<string, number>()
  for (let i = 0; i + 1 < scores.length; i += 2) due.set(scores[i] ?? '', Number(scores[i + 1]))
  const open = Object.entries(records).flatMap(([id, json]) => {
    const at = due.get(id)
    const rest = at === undefined ? { state: 'new' as const } : { state: 'waiting' as const, due: at }
    return listed(id, partition, json, rest)
  })
  return [
    ...open,
    ...(await ended(redis, partition, dead, 'dead')),
    ...(await ended(redis, partition, delivered, 'delivered')),
  ]
}

async function ended(
  redis: Connection,
  partition: number,
  stream: string,
  state: 'dead' | 'delivered',
): Promise<ListedAlert[]> {
  const entries = await redis.xrange(stream, '-', '+')
  return entries.flatMap(([entry, fields]) => {
    const { id, reason, record } = Object.fromEntries(
      fields.flatMap((field, i) => (i % 2 === 0 ? [[field, fields[i + 1]]] : [])),
    ) as Record<string, string | undefined>
    if (id === undefined || record === undefined) return []
    return listed(id, partition, record, { state, entry, ...(reason === undefined ? {} : { reason }) })
  })
}

function listed(
  id: string,
  partition: number,
  json: string,
  rest: Pick<ListedAlert, 'state' | 'due' | 'reason' | 'entry'>,
): ListedAlert[] {
  const record = recordFrom(json)
  return record === undefined ? [] : [{ id, partition, record, ...rest }]
}
