import { PARTITIONS, schemaName } from '../plugins/virtual-key/redis/names.ts'
import { SchemaError } from '../plugins/virtual-key/redis/schema-version.ts'
import type { Connection } from '../plugins/virtual-key/redis/script.ts'
import { STEPS } from './index.ts'

export interface StepStatus {
  readonly name: string
  /** Number of partitions in which it is applied. */
  readonly partitions: number
  /** When it was applied in the last of them, in milliseconds since 1970; absent if in none yet. */
  readonly appliedAt?: number
}

export interface SchemaStatus {
  /** Lowest version in any partition. */
  readonly version: number
  /** Version of each partition. */
  readonly versions: readonly number[]
  /** Version that this code needs. */
  readonly newest: number
  /** Steps that are not applied in every partition, by name. */
  readonly pending: readonly string[]
  readonly steps: readonly StepStatus[]
}

/** @throws SchemaError if Redis contains a newer schema than this code knows, ReplyError or a connection's Error */
export async function schemaStatus(redis: Connection): Promise<SchemaStatus> {
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition)
  return statusOf(await Promise.all(partitions.map((partition) => redis.hgetall(schemaName(partition)))))
}

/** Reads the schema hashes of all partitions. @throws SchemaError if one is newer than this code knows */
export function statusOf(schemas: ReadonlyArray<Readonly<Record<string, string>>>): SchemaStatus {
  const versions = schemas.map(({ version }) => Number(version ?? 0))
  const highest = Math.max(...versions)
  if (highest > STEPS.length) throw new SchemaError(highest)
  const version = Math.min(...versions)
  const steps = STEPS.map(({ name }, i) => {
    const times = schemas.filter((_, p) => (versions[p] ?? 0) > i).map((schema) => Number(schema[name] ?? 0))
    return {
      name,
      partitions: times.length,
      ...(times.length === 0 ? {} : { appliedAt: Math.max(...times) }),
    }
  })
  return {
    version,
    versions,
    newest: STEPS.length,
    pending: STEPS.slice(version).map(({ name }) => name),
    steps,
  }
}
