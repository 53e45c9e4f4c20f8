import { migrate } from '../../migrations/migrate.ts'
import { PARTITIONS } from '../../plugins/virtual-key/redis/names.ts'
import { SCHEMA_VERSION, SchemaError, schemaVersion } from '../../plugins/virtual-key/redis/schema-version.ts'
import type { Connection } from '../../plugins/virtual-key/redis/script.ts'
import { readKey, registeredKeys } from '../../plugins/virtual-key/registry/keys.ts'
import { resetKey, writeKey } from '../../plugins/virtual-key/registry/write.ts'
import type { Log } from '../../plugins/virtual-key/telemetry/log.ts'
import { throttled } from '../output/migration-progress.ts'
import type { RegistryWrites } from './apply.ts'
import type { RegistryState } from './create-plan.ts'

/**
 * What a plan has to know about the registry. A Redis that contains keys is migrated by its operator only.
 * @throws SchemaError if it has to be migrated first, ReplyError or a connection's Error
 */
export async function readRegistry(redis: Connection, id: string): Promise<RegistryState> {
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition)
  const versions = await Promise.all(partitions.map((partition) => schemaVersion(redis, partition)))
  const other = versions.find((version) => version !== SCHEMA_VERSION)
  if (other === undefined) return { fresh: false, record: await readKey(redis, id) }
  if (versions.some((version) => version > SCHEMA_VERSION) || (await holdsKeys(redis)))
    throw new SchemaError(versions.find((version) => version > SCHEMA_VERSION) ?? other)
  return { fresh: true, record: undefined }
}

async function holdsKeys(redis: Connection): Promise<boolean> {
  for await (const _ of registeredKeys(redis)) return true
  return false
}

/** The registry's part of a plan. */
export function registryWrites(redis: Connection, log: Log): RegistryWrites {
  return {
    async migrate() {
      const progress = throttled(
        (line) => log.info(line),
        () => performance.now(),
      )
      await migrate(redis, { clock: Date.now, progress })
    },
    async write(id, settings) {
      await writeKey(redis, id, settings, 'upsert', Date.now())
    },
    async remove(id) {
      await resetKey(redis, id, Date.now(), { remove: true })
    },
  }
}
