import { setTimeout as sleep } from 'node:timers/promises'
import { migrationProgressName, PARTITIONS } from '../plugins/virtual-key/redis/names.ts'
import type { Connection } from '../plugins/virtual-key/redis/script.ts'
import { applyTo } from './batch.ts'
import { STEPS, type Step } from './index.ts'
import { EXPIRY, isHeld, Lock } from './lock.ts'
import { mark } from './mark.ts'
import { MIGRATION_SCRIPTS } from './scripts.ts'
import { schemaStatus } from './status.ts'
import { WALKS } from './walk.ts'

/** What a run reports while it works. */
export type News =
  /** Another process migrates: this one waits until it ends, and takes over if it dies. Reported once. */
  | { readonly state: 'waiting' }
  /** An earlier run was killed here; `looked` records need not be read again. */
  | { readonly state: 'resumed'; readonly step: string; readonly partition: number; readonly looked: number }
  /** Reported after every batch. `looked`: records of the partition that have been read so far. */
  | { readonly state: 'working'; readonly step: string; readonly partition: number; readonly looked: number }

export interface MigrateOptions {
  /** Milliseconds since 1970. */
  readonly clock: () => number
  readonly progress: (news: News) => void
  /** Milliseconds until another process takes over from a run that died. A living run renews its lock three times as often. */
  readonly expiry?: number
}

export interface Migrated {
  /** Names of the steps that this run applied in at least one partition. */
  readonly applied: readonly string[]
  /** How many records it changed, by step. */
  readonly changed: Readonly<Record<string, number>>
}

/** Pause between two checks whether another run has ended. Unit: milliseconds. */
const PAUSE = 200

/**
 * Migrates Redis to the newest schema of this code. It is safe to call it again however it ended, and in any number of processes at once:
 * one migrates, and the others wait until that is done.
 * @throws SchemaError where Redis holds a newer schema, LockLost, ReplyError or a connection's Error
 */
export async function migrate(redis: Connection, options: MigrateOptions): Promise<Migrated> {
  MIGRATION_SCRIPTS.define(redis)
  for (let told = false; ; ) {
    // While the lock is held only that is checked: twenty waiting processes must not slow Redis down for the one that migrates.
    if (!(await isHeld(redis))) {
      if ((await schemaStatus(redis)).pending.length === 0) return { applied: [], changed: {} }
      const lock = await Lock.take(redis, options.expiry ?? EXPIRY)
      if (lock !== undefined) return applyAll(redis, lock, options).finally(() => lock.release())
    }
    if (!told) options.progress({ state: 'waiting' })
    told = true
    await sleep(PAUSE)
  }
}

async function applyAll(redis: Connection, lock: Lock, options: MigrateOptions): Promise<Migrated> {
  // Read again, because the process that held the lock before may have just ended.
  const { versions } = await schemaStatus(redis)
  const changed: Record<string, number> = {}
  for (const [i, step] of STEPS.entries()) {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      if ((versions[partition] ?? 0) > i) continue
      changed[step.name] = (changed[step.name] ?? 0) + (await apply(redis, step, partition, lock, options))
    }
  }
  return { applied: Object.keys(changed), changed }
}

/** Applies one step in one partition, from the position of an earlier run. @returns number of records changed */
async function apply(
  redis: Connection,
  step: Step,
  partition: number,
  lock: Lock,
  { clock, progress }: MigrateOptions,
): Promise<number> {
  const stored = await redis.hgetall(migrationProgressName(partition))
  const { name } = step
  let cursor = stored.cursor ?? ''
  let looked = Number(stored.looked ?? 0)
  if (looked > 0) progress({ state: 'resumed', step: name, partition, looked })
  let changed = 0
  for (let last = false; !last; ) {
    const page = await WALKS[step.over](redis, partition, cursor)
    changed += await applyTo(redis, step, partition, page, lock)
    ;({ cursor, last } = page)
    looked += page.ids.length
    progress({ state: 'working', step: name, partition, looked })
  }
  await mark(redis, step, partition, lock, clock())
  return changed
}
