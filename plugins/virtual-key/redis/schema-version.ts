import { schemaName } from './names.ts'
import type { Connection } from './script.ts'

/** The newest Redis schema that this code knows: the number of the last step in migrations/. */
export const SCHEMA_VERSION = 2

/** Redis holds a schema that this code does not know, or lacks one that it needs. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError'
  readonly found: number

  constructor(found: number, options?: ErrorOptions) {
    super(
      found > SCHEMA_VERSION
        ? `Redis holds schema ${found}, newer than ${SCHEMA_VERSION}, the newest that this version knows: upgrade virtual-key`
        : `Redis holds schema ${found}, this version writes ${SCHEMA_VERSION}: run vk migrate`,
      options,
    )
    this.found = found
  }
}

/** Schema of one partition; 0 = none yet. @throws ReplyError or a connection's Error */
export async function schemaVersion(redis: Connection, partition: number): Promise<number> {
  return Number((await redis.hget(schemaName(partition), 'version')) ?? 0)
}
