import type { Redis } from 'ioredis'
import { applyTo } from '../../migrations/batch.ts'
import { STEPS, type Step } from '../../migrations/index.ts'
import { type Lock, releaseScript, renewScript } from '../../migrations/lock.ts'
import { mark } from '../../migrations/mark.ts'
import { windowsAt } from '../../plugins/virtual-key/policy/window.ts'
import {
  indexName,
  keyName,
  migrationLockName,
  migrationProgressName,
  partitionOf,
  schemaName,
  totalName,
} from '../../plugins/virtual-key/redis/names.ts'
import { SCHEMA_VERSION } from '../../plugins/virtual-key/redis/schema-version.ts'
import { run } from '../../plugins/virtual-key/redis/script.ts'
import { resetKey, writeKey } from '../../plugins/virtual-key/registry/write.ts'
import type { Situation } from './all-or-nothing.ts'

const KEY = 'vk-abc'
const PARTITION = partitionOf(KEY)
const NOW = Date.now()
const LOCK = { token: 'mine' } as Lock

async function migrated(admin: Redis): Promise<void> {
  await admin.hset(schemaName(PARTITION), 'version', SCHEMA_VERSION)
}

async function registered(admin: Redis): Promise<void> {
  await migrated(admin)
  await admin.hset(keyName(KEY), 'created_at', '1', 'token_budget', '5', 'epoch', '2')
  await admin.zadd(indexName(PARTITION), 0, KEY)
}

async function spent(admin: Redis): Promise<void> {
  for (const { label } of windowsAt(NOW)) await admin.set(totalName(KEY, label), 10)
}

async function locked(admin: Redis): Promise<void> {
  await admin.set(migrationLockName(PARTITION), LOCK.token)
}

function step(name: string): Step {
  const found = STEPS.find((one) => one.name === name)
  if (found === undefined) throw new Error(name)
  return found
}

function batch(name: string, prepare: (admin: Redis) => Promise<unknown>): Situation {
  return {
    title: `apply: ${name}`,
    passesOver: keyName(KEY),
    async prepare(admin) {
      await locked(admin)
      await prepare(admin)
    },
    act: (redis) => applyTo(redis, step(name), PARTITION, { ids: [KEY], cursor: KEY, last: true }, LOCK),
  }
}

/** Every branch of the registry's and the migrations' scripts that writes. */
export const REGISTRY_SITUATIONS: readonly Situation[] = [
  {
    title: 'write-key: a new key',
    prepare: migrated,
    act: (redis) => writeKey(redis, KEY, { token_budget: 9, window: 'day' }, 'create', NOW),
  },
  {
    title: 'write-key: a key that was counted before it was registered',
    async prepare(admin) {
      await migrated(admin)
      await admin.hset(keyName(KEY), 'epoch', '2')
      await admin.expire(keyName(KEY), 1000)
    },
    act: (redis) => writeKey(redis, KEY, { token_budget: 9 }, 'upsert', NOW),
  },
  {
    title: 'write-key: an update',
    prepare: registered,
    act: (redis) => writeKey(redis, KEY, { token_budget: 9, window: 'day' }, 'update', NOW),
  },
  {
    title: 'reset-key: a registered key',
    async prepare(admin) {
      await registered(admin)
      await spent(admin)
    },
    act: (redis) => resetKey(redis, KEY, NOW),
  },
  {
    title: 'reset-key: one that is not registered',
    async prepare(admin) {
      await migrated(admin)
      await spent(admin)
    },
    act: (redis) => resetKey(redis, KEY, NOW),
  },
  {
    title: 'reset-key: takes it out of the registry',
    async prepare(admin) {
      await registered(admin)
      await spent(admin)
    },
    act: (redis) => resetKey(redis, KEY, NOW, { remove: true }),
  },
  batch('001_virtual_keys', (admin) => admin.hset(keyName(KEY), 'created_at', '1')),
  batch('002_virtual_key_alert', registered),
  {
    title: 'mark: one step',
    async prepare(admin) {
      await locked(admin)
      await admin.hset(schemaName(PARTITION), 'version', 1)
      await admin.hset(migrationProgressName(PARTITION), 'cursor', 'x')
    },
    act: (redis) => mark(redis, step('002_virtual_key_alert'), PARTITION, LOCK, NOW),
  },
  {
    title: "renew-lock: one's own",
    prepare: locked,
    act: (redis) =>
      run(redis, renewScript, [migrationLockName(PARTITION)], { token: LOCK.token, expiry: 10_000 }),
  },
  {
    title: "release-lock: one's own",
    prepare: locked,
    act: (redis) => run(redis, releaseScript, [migrationLockName(PARTITION)], { token: LOCK.token }),
  },
]
