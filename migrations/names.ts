import { schemaName } from '../plugins/virtual-key/keys.ts'

/** String with an expiry: token of the `vk migrate` that works. In every partition, so that its scripts can look at it. */
export function lockName(partition: number): string {
  return `${schemaName(partition)}:lock`
}

/** Hash, while a step runs in the partition: `cursor` to go on from, `looked` = records looked at so far. */
export function progressName(partition: number): string {
  return `${schemaName(partition)}:progress`
}
