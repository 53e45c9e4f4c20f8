import { PARTITIONS, partitionOf } from '../redis/names.ts'

/**
 * With `identify_by: header` a client can invent key ids without end. So that it cannot fill Redis with them, a partition keeps
 * counters for at most this many ids that are not registered; usage of any further id counts for the partition's overflow id.
 * 65,536 in all, about 20 MB with one window each.
 */
export const MOST_IDS = 4096

/** What belongs to a key that is not registered is forgotten this long after its last use. Unit: seconds. */
export const FORGET_AFTER = 400 * 86_400

/** How exact that is: the time is written anew at most once in this. Unit: seconds. */
export const FORGET_STEP = 86_400

const overflowIds = new Map<number, string>()

/** The id that counts for all ids of a partition for which there is no room. It lies in the same partition. */
export function overflowId(partition: number): string {
  for (let n = 0; overflowIds.size < PARTITIONS; n++) {
    const id = `virtual-key-overflow-${n}`
    if (!overflowIds.has(partitionOf(id))) overflowIds.set(partitionOf(id), id)
  }
  return overflowIds.get(partition) ?? ''
}
