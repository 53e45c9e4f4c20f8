import type { Redis } from 'ioredis'
import {
  type AdmissionRequest,
  admit,
  LONGEST_RESERVATION,
} from '../../plugins/virtual-key/admission/admit.ts'
import { release } from '../../plugins/virtual-key/admission/reserve.ts'
import { restore } from '../../plugins/virtual-key/metering/restore.ts'
import { RestoringError, settle } from '../../plugins/virtual-key/metering/settle.ts'
import type { NewUsageRecord } from '../../plugins/virtual-key/metering/usage-record.ts'
import type { Snapshots } from '../../plugins/virtual-key/policy/key-policy.ts'
import { windowAt, windowsAt } from '../../plugins/virtual-key/policy/window.ts'
import {
  crossedName,
  DISPATCHERS,
  idsName,
  keyName,
  outboxNames,
  partitionOf,
  reservationsName,
  reservedName,
  schemaName,
  settledName,
  totalName,
} from '../../plugins/virtual-key/redis/names.ts'
import type { Situation } from './all-or-nothing.ts'
import { policy, silentTarget, usageRecord } from './usage-record.ts'

const KEY = 'vk-abc'
const TOTAL = totalName(KEY, 'total')
const DAY = windowAt('day', Date.now())
const ID = { processId: 'me', sequence: 1 }

/** A process that has seen no generation yet, and always begins with the same one, so that alerts have the same ids in each run. */
const FIRST: Snapshots = { get: () => undefined, generation: () => '+0123456789abcdef' }

/** Tokens that are reserved for the key's requests under way. */
async function hold(admin: Redis, ...reservations: string[]): Promise<void> {
  for (const [i, one] of reservations.entries())
    await admin.zadd(reservationsName(KEY), Date.now() + 100_000 + i, one)
  await admin.pexpire(reservationsName(KEY), 2 * LONGEST_RESERVATION)
  const sum = reservations.reduce((all, one) => all + Number(one.split(' ')[1]), 0)
  await admin.set(reservedName(KEY), sum, 'PX', 2 * LONGEST_RESERVATION)
}

/** A reservation whose process has died. */
async function expired(admin: Redis): Promise<void> {
  await hold(admin, 'other-1 20')
  await admin.zadd(reservationsName(KEY), 1, 'dead-1 30')
  await admin.set(reservedName(KEY), 50, 'PX', 2 * LONGEST_RESERVATION)
}

async function register(admin: Redis, ...fields: string[]): Promise<void> {
  await admin.hset(keyName(KEY), 'created_at', '1', ...fields)
}

function settling(title: string, own: Partial<NewUsageRecord>, prepare: Situation['prepare']): Situation {
  const rules = { threshold: 0, thresholds: [100, 120], percents: [] }
  return {
    title: `settle: ${title}`,
    handsOverLater: true,
    prepare,
    act: (redis) =>
      settle(redis, { id: ID, ...usageRecord(KEY, 50, { rules, ...own }), service: 'openai' }, FIRST),
  }
}

function asking(title: string, own: Partial<AdmissionRequest>, prepare: Situation['prepare']): Situation {
  const alert = { key_id: KEY, timestamp: '2026-04-06T19:00:00Z' }
  const request = { ...policy(KEY, { budget: 100, ...own }), denyUnknown: false, alert, ...own }
  return {
    title: `admit: ${title}`,
    handsOverLater: true,
    prepare,
    act: (redis) => admit(redis, 'me', request, 'openai', FIRST),
  }
}

const nothing = async () => undefined
const everyWindow = { registry: true, windows: windowsAt(Date.now()) }

/** Every branch of the scripts that count and admit. */
export const LEDGER_SITUATIONS: readonly Situation[] = [
  settling('the first of a data set', {}, nothing),
  settling('the first of a day', { windows: [DAY] }, nothing),
  settling('below the threshold', {}, (admin) => admin.set(TOTAL, 10)),
  settling('below the threshold of a day', { windows: [DAY] }, (admin) =>
    admin.set(totalName(KEY, DAY.label), 10),
  ),
  settling('crosses two thresholds', {}, (admin) => admin.set(TOTAL, 80)),
  settling('crosses two thresholds of a day', { windows: [DAY] }, (admin) =>
    admin.set(totalName(KEY, DAY.label), 80),
  ),
  settling('crosses where there is no webhook', { target: silentTarget() }, (admin) => admin.set(TOTAL, 80)),
  settling('crosses by the registry', everyWindow, async (admin) => {
    await register(admin, 'window', 'month', 'alert_threshold', '60', 'alert_webhook', 'https://a.example/')
    await admin.set(totalName(KEY, windowAt('month', Date.now()).label), 50)
  }),
  settling('of an answer that can be fetched again', { answer: 'resp_1' }, (admin) => admin.set(TOTAL, 10)),
  settling('gives back what its request holds', { reservation: 'me-1 30' }, async (admin) => {
    await admin.set(TOTAL, 10)
    await hold(admin, 'me-1 30', 'other-1 20')
  }),
  settling('gives back the last that is held, and crosses', { reservation: 'me-1 30' }, async (admin) => {
    await admin.set(TOTAL, 80)
    await hold(admin, 'me-1 30')
  }),
  settling('gives back where the sum of what is held is lost', { reservation: 'me-1 30' }, async (admin) => {
    await hold(admin, 'me-1 30', 'other-1 20')
    await admin.del(reservedName(KEY))
  }),
  {
    handsOverLater: true,
    title: 'settle: puts back what Redis has lost',
    prepare: (admin) => admin.set(TOTAL, 10),
    act: (redis) =>
      settle(
        redis,
        { id: ID, ...usageRecord(KEY, 50), service: 'openai' },
        { ...FIRST, get: () => ({ epoch: 3, total: 120 }) },
      ),
  },
  {
    title: 'settle: finds that Redis was flushed',
    prepare: nothing,
    act: (redis) =>
      settle(
        redis,
        { id: ID, ...usageRecord(KEY, 50), service: 'openai' },
        { get: () => undefined, generation: () => 'before' },
      ),
  },
  {
    title: 'settle: finds that Redis was flushed, and would cross',
    prepare: (admin) => admin.hset(schemaName(partitionOf(KEY)), 'generation', 'after'),
    act: (redis) =>
      settle(
        redis,
        { id: ID, ...usageRecord(KEY, 150), service: 'openai' },
        {
          get: () => undefined,
          generation: () => 'before',
        },
      ).catch((error: Error) => (error instanceof RestoringError ? undefined : Promise.reject(error))),
  },
  settling('of an id that may be invented', { invented: true }, nothing),
  settling(
    'of an id that may be invented, of a day, in the place of one forgotten',
    { invented: true, windows: [DAY] },
    (admin) => admin.zadd(idsName(partitionOf(KEY)), 1, 'forgotten'),
  ),
  settling('of an id that may be invented, and was last used long ago', { invented: true }, async (admin) => {
    await admin.set(TOTAL, 10, 'EX', 1000)
    await admin.hset(keyName(KEY), 'epoch', '2')
  }),
  settling('of an id that is one too many', { invented: true }, (admin) => {
    const ids = Array.from({ length: 4096 }, (_, n) => ['4000000000', `other-${n}`])
    return admin.zadd(idsName(partitionOf(KEY)), ...ids.flat())
  }),
  {
    title: 'settle: a repetition of a crossing',
    handsOverLater: true,
    async prepare(admin) {
      const partition = partitionOf(KEY)
      const { outbox, alerts } = outboxNames(partition)
      await admin.setbit(settledName(partition, ID.processId, 0), ID.sequence, 1)
      await admin.set(crossedName(partition, ID.processId, ID.sequence), '150 1 100')
      await admin.hset(alerts, 'one', '{}')
      await admin.xadd(outbox, '1-1', 'id', 'one')
      await admin.xgroup('CREATE', outbox, DISPATCHERS, '0')
      await admin.xreadgroup('GROUP', DISPATCHERS, 'me', 'STREAMS', outbox, '>')
    },
    act: (redis) => settle(redis, { id: ID, ...usageRecord(KEY, 10), service: 'openai' }, FIRST),
  },
  asking('passes', {}, (admin) => admin.set(TOTAL, 10)),
  asking('holds what it may need', { reservation: 'me-1 30' }, (admin) => admin.set(TOTAL, 10)),
  asking('holds, and what a dead request held comes free', { reservation: 'me-1 30' }, expired),
  asking('holds where the sum of what is held is lost', { reservation: 'me-1 30' }, async (admin) => {
    await hold(admin, 'other-1 20')
    await admin.del(reservedName(KEY))
  }),
  asking('uses a one-shot key up, and holds', { ...everyWindow, reservation: 'me-1 30' }, (admin) =>
    register(admin, 'one_shot', '1'),
  ),
  asking('is the first that the budget refuses', {}, (admin) => admin.set(TOTAL, 100)),
  asking('is the first that the budget refuses, of a registered key', everyWindow, async (admin) => {
    await register(admin, 'token_budget', '50', 'alert_webhook', 'https://a.example/')
    await admin.set(TOTAL, 100)
  }),
  asking('is the first that the budget refuses, without a webhook', { target: silentTarget() }, (admin) =>
    admin.set(TOTAL, 100),
  ),
  asking('is refused, and what a dead request held comes free', { reservation: 'me-1 30' }, async (admin) => {
    await admin.set(TOTAL, 75)
    await expired(admin)
  }),
  {
    title: 'release: one of two',
    prepare: (admin) => hold(admin, 'me-1 30', 'other-1 20'),
    act: (redis) => release(redis, KEY, 'me-1 30'),
  },
  {
    title: 'release: the last',
    prepare: (admin) => hold(admin, 'me-1 30'),
    act: (redis) => release(redis, KEY, 'me-1 30'),
  },
  {
    title: 'release: where the sum is lost',
    async prepare(admin) {
      await hold(admin, 'me-1 30', 'other-1 20')
      await admin.del(reservedName(KEY))
    },
    act: (redis) => release(redis, KEY, 'me-1 30'),
  },
  ...(
    [
      ['another generation', 'before', 2],
      ['nothing where there was something', 'before', undefined],
      ['a counter that is less than it was', '0123456789abcdef', 1],
    ] as const
  ).map(
    ([what, generation, epoch]): Situation => ({
      title: `restore: finds ${what}`,
      async prepare(admin) {
        if (epoch === undefined) return
        await admin.hset(schemaName(partitionOf(KEY)), 'generation', '0123456789abcdef')
        await admin.hset(keyName(KEY), 'epoch', 1)
        await admin.set(TOTAL, 10)
      },
      act: (redis) =>
        restore(redis, partitionOf(KEY), generation, [
          [TOTAL, { keyId: KEY, epoch: epoch ?? 1, total: 120 }],
          [totalName(KEY, DAY.label), { keyId: KEY, epoch: 1, total: 60, end: DAY.end }],
        ]),
    }),
  ),
]
