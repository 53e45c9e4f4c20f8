import {
  migrationLockName,
  migrationProgressName,
  noneName,
  schemaName,
} from '../plugins/virtual-key/redis/names.ts'
import { SchemaError } from '../plugins/virtual-key/redis/schema-version.ts'
import { type Connection, run, type Script } from '../plugins/virtual-key/redis/script.ts'
import { STEPS } from './index.ts'
import { type Lock, LockLost } from './lock.ts'
import type { Step } from './step.ts'

/**
 * KEYS 1 lock  2 schema  3 progress  4 none
 * ARGV 1 token  2 number of the step  3 its name  4 now, milliseconds since 1970
 * Reply 'applied'; 'lost' = the lock is lost; or the schema's version, where it is not the one before the step.
 */
export const markScript: Script = {
  name: 'vkMarkMigrated',
  lua: `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
local version = tonumber(redis.call('HGET', KEYS[2], 'version') or 0)
if version ~= ARGV[2] - 1 then return version end
-- Fails, where the user may not call it, before anything is written.
redis.call('DEL', KEYS[4])
redis.call('HSET', KEYS[2], 'version', ARGV[2], ARGV[3], ARGV[4])
redis.call('DEL', KEYS[3])
return 'applied'
`,
}

/**
 * Marks a step as applied in one partition and forgets its progress.
 * @param at milliseconds since 1970
 * @throws LockLost, SchemaError where somebody else has changed the version, ReplyError or a connection's Error
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
    [token, STEPS.indexOf(step) + 1, step.name, at],
  )
  if (reply === 'lost') throw new LockLost()
  if (reply !== 'applied') throw new SchemaError(Number(reply))
}
