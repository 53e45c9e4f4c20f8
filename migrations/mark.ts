import {
  migrationLockName,
  migrationProgressName,
  noneName,
  schemaName,
} from '../plugins/virtual-key/redis/names.ts'
import { SchemaError } from '../plugins/virtual-key/redis/schema-version.ts'
import { type Connection, run } from '../plugins/virtual-key/redis/script.ts'
import { STEPS, type Step } from './index.ts'
import { type Lock, LockLost } from './lock.ts'
import { MIGRATION_SCRIPTS } from './scripts.ts'

interface MarkArguments {
  readonly token: string
  readonly number: number
  readonly name: string
  readonly now: number
}

const markScript = MIGRATION_SCRIPTS.script<[MarkArguments], 'applied' | 'lost' | number>('migrate-mark')

/**
 * Marks a step as applied in one partition and forgets its progress.
 * @param at milliseconds since 1970
 * @throws LockLost, SchemaError if another process has changed the version, ReplyError or a connection's Error
 */
export async function mark(
  redis: Connection,
  step: Step,
  partition: number,
  { token }: Lock,
  at: number,
): Promise<void> {
  const reply = await run(
    redis,
    markScript,
    [
      migrationLockName(partition),
      schemaName(partition),
      migrationProgressName(partition),
      noneName(partition),
    ],
    { token, number: STEPS.indexOf(step) + 1, name: step.name, now: at },
  )
  if (reply === 'lost') throw new LockLost()
  if (reply !== 'applied') throw new SchemaError(reply)
}
