import type { Redis } from 'ioredis'
import { keyName, PARTITIONS, partitionOf } from '../../plugins/virtual-key/redis/names.ts'
import type { Place } from './place.ts'

/** Ids that all lie in one partition, so that few of them are long work. */
export function idsIn(partition: number, count: number, prefix = 'record'): string[] {
  const ids: string[] = []
  for (let i = 0; ids.length < count; i++) {
    const id = `${prefix}-${i}`
    if (partitionOf(id) === partition) ids.push(id)
  }
  return ids
}

/** Writes hashes as they stood before there was a schema: without an index. Commands of one pipeline stay in one slot. */
export async function writeHashes(
  plain: Redis,
  hashes: ReadonlyArray<readonly [id: string, fields: Readonly<Record<string, string>>]>,
): Promise<void> {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const pipeline = plain.pipeline()
    for (const [id, fields] of hashes) {
      if (partitionOf(id) === partition) pipeline.hset(keyName(id), fields)
    }
    for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error
  }
}

/** Everything in Redis, byte for byte, by name. */
export async function contents({ names, plain }: Place): Promise<Record<string, string>> {
  const sorted = (await names()).sort()
  const dumps = await Promise.all(sorted.map((name) => plain.dumpBuffer(name)))
  return Object.fromEntries(sorted.map((name, i) => [name, dumps[i]?.toString('hex') ?? '']))
}
