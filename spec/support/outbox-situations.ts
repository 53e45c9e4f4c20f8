import type { Redis } from 'ioredis'
import type { AlertRecord } from '../../plugins/virtual-key/outbox/alert-record.ts'
import { ack, type Claim, claim, renew } from '../../plugins/virtual-key/outbox/claim.ts'
import { discard, requeue } from '../../plugins/virtual-key/outbox/operator-view.ts'
import { parkedEntry, wake } from '../../plugins/virtual-key/outbox/parked.ts'
import { removeIdleConsumers } from '../../plugins/virtual-key/outbox/sweep.ts'
import { DISPATCHERS, outboxNames } from '../../plugins/virtual-key/redis/names.ts'
import type { Situation } from './all-or-nothing.ts'

const PARTITION = 3
const NAMES = outboxNames(PARTITION)
const RECORD: AlertRecord = {
  keyId: 'vk-abc',
  configuration: 'plugin-0',
  url: 'https://alerts.example.com/hook',
  timeout: 1000,
  allowPrivateNetworks: false,
  format: 'json',
  attempts: [],
  payload: '{}',
}
const JSON_OF_IT = JSON.stringify(RECORD)
const ATTEMPT = { at: 1, duration: 2, status: 200 }

/** Adds an alert to the outbox. */
async function add(admin: Redis, streamId: string, id: string): Promise<void> {
  await admin.xadd(NAMES.outbox, streamId, 'id', id)
  await admin.hset(NAMES.alerts, id, JSON_OF_IT)
}

/** Makes the consumer own every alert that nobody owns yet. */
async function take(admin: Redis, consumer: string): Promise<void> {
  await admin
    .xgroup('CREATE', NAMES.outbox, DISPATCHERS, '0', 'MKSTREAM')
    .catch((error: Error) => (error.message.startsWith('BUSYGROUP') ? undefined : Promise.reject(error)))
  await admin.xreadgroup('GROUP', DISPATCHERS, consumer, 'STREAMS', NAMES.outbox, '>')
}

const PARKED = parkedEntry('one', 'plugin-0', '')

/** An alert that waits for its configuration. */
async function park(admin: Redis): Promise<void> {
  await admin.hset(NAMES.alerts, 'one', JSON_OF_IT)
  await admin.zadd(NAMES.retry, 60_000, 'one')
  await admin.zadd(NAMES.parked, 1, PARKED)
}

function held(streamId: string, id: string): Claim {
  return { partition: PARTITION, streamId, id, json: JSON_OF_IT, record: RECORD }
}

/** Every branch of the outbox's scripts that writes. */
export const OUTBOX_SITUATIONS: readonly Situation[] = [
  {
    title: 'claim: a new alert, one whose owner died, one that is due, and an entry without a record',
    async prepare(admin) {
      await add(admin, '1-1', 'left')
      await take(admin, 'dead')
      await add(admin, '2-1', 'new')
      await admin.xadd(NAMES.outbox, '3-1', 'id', 'nothing')
      await admin.hset(NAMES.alerts, 'due', JSON_OF_IT)
      await admin.zadd(NAMES.retry, 1, 'due')
    },
    // No lease: everything that somebody owns counts as left behind after one millisecond.
    async act(redis) {
      await new Promise((wake) => setTimeout(wake, 5))
      return claim(redis, PARTITION, 'me', 1, 10)
    },
  },
  {
    title: 'claim: a stream that has no group yet',
    prepare: (admin) => add(admin, '1-1', 'new'),
    act: (redis) => claim(redis, PARTITION, 'me', 15_000, 10),
  },
  {
    title: 'claim: a retry that is due, and no stream',
    async prepare(admin) {
      await admin.hset(NAMES.alerts, 'due', JSON_OF_IT)
      await admin.zadd(NAMES.retry, 1, 'due')
    },
    act: (redis) => claim(redis, PARTITION, 'me', 15_000, 10),
  },
  {
    title: 'renew: two claims',
    async prepare(admin) {
      await add(admin, '1-1', 'one')
      await add(admin, '2-1', 'two')
      await take(admin, 'me')
    },
    act: (redis) => renew(redis, PARTITION, 'me', [held('1-1', 'one'), held('2-1', 'two')]),
  },
  ...(
    [
      { state: 'delivered' },
      { state: 'retry', delay: 60_000 },
      { state: 'dead', reason: 'no' },
      { state: 'parked', delay: 60_000, reason: 'no' },
    ] as const
  ).flatMap((outcome): Situation[] => [
    {
      title: `ack: ${outcome.state}`,
      async prepare(admin) {
        await add(admin, '1-1', 'one')
        await take(admin, 'me')
      },
      act: (redis) => ack(redis, 'me', held('1-1', 'one'), outcome, { attempt: ATTEMPT }),
    },
    {
      title: `ack: ${outcome.state}, and Redis has lost it`,
      prepare: async () => undefined,
      act: (redis) => ack(redis, 'me', held('1-1', 'one'), outcome, { attempt: ATTEMPT }),
    },
  ]),
  {
    title: 'requeue: a dead alert',
    prepare: (admin) => admin.xadd(NAMES.dead, '1-1', 'id', 'one', 'record', JSON_OF_IT),
    act: (redis) => requeue(redis, PARTITION, 'one', RECORD, { state: 'dead', entry: '1-1' }),
  },
  {
    title: 'requeue: a new alert',
    prepare: async () => undefined,
    act: (redis) => requeue(redis, PARTITION, 'one', RECORD, { state: 'none' }),
  },
  {
    title: 'requeue: a parked alert',
    prepare: park,
    act: (redis) => requeue(redis, PARTITION, 'one', RECORD, { state: 'waiting', entry: PARKED }),
  },
  {
    title: 'discard: a dead alert',
    prepare: (admin) => admin.xadd(NAMES.dead, '1-1', 'id', 'one', 'record', JSON_OF_IT),
    act: (redis) => discard(redis, PARTITION, 'one', 'dead', '1-1'),
  },
  {
    title: 'discard: a parked alert',
    prepare: park,
    act: (redis) => discard(redis, PARTITION, 'one', 'waiting', PARKED),
  },
  {
    title: 'wake: a parked alert, and one that is gone',
    async prepare(admin) {
      await park(admin)
      await admin.zadd(NAMES.parked, 2, parkedEntry('other', 'plugin-0', ''))
    },
    act: (redis) => wake(redis, PARTITION, '', () => true),
  },
  {
    title: 'remove-idle-consumers: one consumer that is gone',
    async prepare(admin) {
      await add(admin, '1-1', 'one')
      await take(admin, 'me')
      await admin.xgroup('CREATECONSUMER', NAMES.outbox, DISPATCHERS, 'gone')
    },
    async act(redis) {
      await new Promise((wake) => setTimeout(wake, 5))
      return removeIdleConsumers(redis, PARTITION, 1)
    },
  },
]
