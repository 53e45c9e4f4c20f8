import { PARTITIONS, partitionOf } from '../redis/names.ts'

/**
 * With `identify_by: header` a client can make up key ids without end. So that it cannot fill Redis with them, a partition keeps
 * counters for at most 4096 ids that are not registered (MOST_IDS in redis/scripts/includes/policy.lua); usage of any further id counts
 * for the partition's overflow id. 65,536 in all, about 20 MB with one window each.
 */
const overflowIds = new Map<number, string>()

/** The id that counts for all ids of a partition for which there is no room. It lies in the same partition. */
export function overflowId(partition: number): string {
  for (let n = 0; overflowIds.size < PARTITIONS; n++) {
    const id = `virtual-key-overflow-${n}`
    if (!overflowIds.has(partitionOf(id))) overflowIds.set(partitionOf(id), id)
  }
  return overflowIds.get(partition) ?? ''
}
