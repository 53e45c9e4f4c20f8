import { outboxNames, partitionOf } from '../../plugins/virtual-key/redis/names.ts'
import type { Connection } from '../../plugins/virtual-key/redis/script.ts'

/** The payloads of a key's alerts that are not delivered yet. */
export async function payloadsOf(redis: Connection, key: string): Promise<Record<string, unknown>[]> {
  const records = await redis.hvals(outboxNames(partitionOf(key)).alerts)
  return records
    .map((json) => JSON.parse(json))
    .filter(({ keyId }) => keyId === key)
    .map(({ payload }) => JSON.parse(payload))
}
