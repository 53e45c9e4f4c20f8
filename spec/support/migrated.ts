import { PARTITIONS, schemaName } from '../../plugins/virtual-key/keys.ts'
import { SCHEMA_VERSION } from '../../plugins/virtual-key/registry/schema-version.ts'
import type { Place } from './place.ts'

/** Makes an empty place hold the schema that the registry writes. */
export async function migrated({ plain }: Place): Promise<void> {
  await Promise.all(
    Array.from({ length: PARTITIONS }, (_, partition) =>
      plain.hset(schemaName(partition), 'version', SCHEMA_VERSION),
    ),
  )
}
