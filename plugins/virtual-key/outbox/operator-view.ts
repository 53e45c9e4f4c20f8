import { outboxNames, PARTITIONS } from '../redis/names.ts'
import { type Connection, run, SCRIPTS } from '../redis/script.ts'
import { type AlertRecord, recordFrom } from './alert-record.ts'

/** Alerts as an operator sees them, sends them again and discards them; dispatchers do none of this. */

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
 * is never in one reply. A text that is no record is left out. @throws ReplyError or a connection's Error
 */
export async function listAlerts(redis: Connection): Promise<ListedAlert[]> {
  const all: ListedAlert[] = []
  for (let partition = 0; partition < PARTITIONS; partition++) {
    all.push(...(await listPartition(redis, partition)))
  }
  return all
}

/** As `listAlerts`, of one partition. */
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

interface RequeueArguments {
  readonly id: string
  readonly state: Whereabouts['state']
  readonly entry: string | undefined
  readonly record: string
}

const requeueScript = SCRIPTS.script<[RequeueArguments], 0 | 1>('requeue')

/** Where an alert is that is to be sent: nowhere, or dead or waiting, with its entry in a stream if it has one. */
export type Whereabouts =
  | { readonly state: 'none' }
  | { readonly state: 'dead' | 'waiting'; readonly entry?: string }

/**
 * Makes an alert due now, for whichever dispatcher comes first.
 * @returns false: it is not where it was
 * @throws ReplyError or a connection's Error
 */
export async function requeue(
  redis: Connection,
  partition: number,
  id: string,
  record: AlertRecord,
  from: Whereabouts,
): Promise<boolean> {
  const { retry, alerts, dead, parked } = outboxNames(partition)
  const entry = from.state === 'none' ? undefined : from.entry
  const reply = await run(redis, requeueScript, [retry, alerts, dead, parked], {
    id,
    state: from.state,
    entry,
    record: JSON.stringify(record),
  })
  return reply === 1
}

interface DiscardArguments {
  readonly id: string
  readonly state: 'dead' | 'waiting'
  readonly entry: string | undefined
}

const discardScript = SCRIPTS.script<[DiscardArguments], 0 | 1>('discard')

/**
 * Removes an undelivered alert from Redis that waits or is dead. An alert that a dispatcher is delivering is not removed.
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
