import {
  indexName,
  keyName,
  migrationLockName,
  migrationProgressName,
  noneName,
} from '../plugins/virtual-key/redis/names.ts'
import { type Connection, run } from '../plugins/virtual-key/redis/script.ts'
import type { Step } from './index.ts'
import { type Lock, LockLost } from './lock.ts'
import { MIGRATION_SCRIPTS } from './scripts.ts'
import type { Page } from './walk.ts'

interface ApplyArguments {
  readonly token: string
  readonly cursor: string
  readonly ids: readonly string[]
}

/**
 * Applies a step to one page of records and stores the position, in one script.
 * @returns number of records changed
 * @throws LockLost, ReplyError or a connection's Error
 */
export async function applyTo(
  redis: Connection,
  step: Step,
  partition: number,
  { ids, cursor }: Page,
  { token }: Lock,
): Promise<number> {
  const names = [
    migrationLockName(partition),
    migrationProgressName(partition),
    indexName(partition),
    noneName(partition),
    ...ids.map(keyName),
  ]
  const script = MIGRATION_SCRIPTS.script<[ApplyArguments], number>(`migrate-apply-${step.name}`)
  const changed = await run(redis, script, names, { token, cursor, ids })
  if (changed === -1) throw new LockLost()
  return changed
}

/** Ids of the records of one page that a step would change. @throws ReplyError or a connection's Error */
export async function lackingOf(
  redis: Connection,
  step: Step,
  partition: number,
  { ids }: Page,
): Promise<string[]> {
  const names = [indexName(partition), ...ids.map(keyName)]
  const script = MIGRATION_SCRIPTS.script<[{ readonly ids: readonly string[] }], string[]>(
    `migrate-count-${step.name}`,
  )
  return await run(redis, script, names, { ids })
}
