import { createHash } from 'node:crypto'
import calculateSlot from 'cluster-key-slot'

/**
 * Every name in Redis. All of one key's data lives in one partition, and the partition is the hash tag of each name, so that one
 * script can do everything at once, on a single node and on Redis Cluster alike.
 */

/** Enough to spread over a cluster's nodes, few enough to sweep every second. Part of the stored format: never change it. */
export const PARTITIONS = 16

/** Partition of a key id: `CLUSTER KEYSLOT <id>` mod 16, so that redis-cli can tell an operator. */
export function partitionOf(keyId: string): number {
  return calculateSlot(keyId) % PARTITIONS
}

/** Whether a name is one of this partition's. Asked of thousands of names at once, so it hashes nothing. */
export function isOfPartition(name: string, partition: number): boolean {
  return name.startsWith(`vk:{${partition}}:`)
}

/** What the names of a partition's key hashes begin with; the key id follows. */
export function keyPrefix(partition: number): string {
  return `vk:{${partition}}:key:`
}

/** Hash: the key's epoch, and its settings where it is registered. */
export function keyName(keyId: string): string {
  return `${keyPrefix(partitionOf(keyId))}${keyId}`
}

/** Integer: tokens of the key in one window. The label holds no colon, so the id ends before the last one. */
export function totalName(keyId: string, windowLabel: string): string {
  return `vk:{${partitionOf(keyId)}}:total:${keyId}:${windowLabel}`
}

/**
 * Hash: `version` of the partition's schema, and the time at which each of its steps was applied; `generation`, random, of the data
 * that the partition holds; and `lost`, where that generation was born of a loss or has lost its newest data, the time of it in
 * milliseconds since 1970, by Redis's clock.
 */
export function schemaName(partition: number): string {
  return `vk:{${partition}}:schema`
}

/** String with an expiry: token of the `vk migrate` that works. In every partition, so that its scripts can look at it. */
export function migrationLockName(partition: number): string {
  return `vk:{${partition}}:schema:lock`
}

/** Hash, while a migration runs in the partition: `cursor` to go on from, `looked` = records looked at so far. */
export function migrationProgressName(partition: number): string {
  return `vk:{${partition}}:schema:progress`
}

/** Sorted set, all scores 0: ids of the registered keys, by name. */
export function indexName(partition: number): string {
  return `vk:{${partition}}:keys`
}

/**
 * Sorted set: ids that are not registered and that a client may have invented (`identify_by: header`), by the time at which they
 * are forgotten, in seconds since 1970. Only those in it have counters of their own.
 */
export function idsName(partition: number): string {
  return `vk:{${partition}}:ids`
}

/** Is never there. Scripts try a command on it before they write anything: so it is known that they may call it, and nothing changes. */
export function noneName(partition: number): string {
  return `vk:{${partition}}:none`
}

/** Integer: tokens that the key's requests under way have reserved. The sum of `reservationsName`. */
export function reservedName(keyId: string): string {
  return `vk:{${partitionOf(keyId)}}:reserved:${keyId}`
}

/** Sorted set: `<reservation> <tokens>` of the key's requests under way, by expiry in milliseconds. */
export function reservationsName(keyId: string): string {
  return `vk:{${partitionOf(keyId)}}:reservations:${keyId}`
}

/** Bitmap, the first usage record in its highest bit: which of a process's usage records, numbered in blocks, are in the totals already. */
export function settledName(partition: number, processId: string, block: number): string {
  return `vk:{${partition}}:settled:${processId}:${block}`
}

/** String: what one usage record crossed. Kept as long as `settledName`, for the process that has lost the reply. */
export function crossedName(partition: number, processId: string, sequence: number): string {
  return `vk:{${partition}}:crossed:${processId}:${sequence}`
}

/** String with an expiry: tokens that were counted for an answer of the key that can be fetched again. The id is the upstream's, of any length. */
export function answerName(keyId: string, answerId: string): string {
  return `vk:{${partitionOf(keyId)}}:answer:${fingerprint([keyId, answerId])}`
}

/** String with an expiry: how alerts of a plugin configuration are delivered, see outbox/delivery-settings.ts. */
export function configurationName(configuration: string): string {
  return `vk:{${partitionOf(configuration)}}:configuration:${configuration}`
}

export interface OutboxNames {
  /** Stream of alert ids with the consumer group `dispatchers`: new ones and those being delivered. */
  readonly outbox: string
  /** Hash from alert id to its record, from the crossing until delivery or burial. */
  readonly alerts: string
  /** Sorted set of alert ids waiting for another attempt, by due time in milliseconds. */
  readonly retry: string
  /**
   * Sorted set of those among them that wait for a configuration, as `<alert id> <configuration> <secrets mark>`, by when that was
   * noticed, in milliseconds and each later than the one before.
   */
  readonly parked: string
  /** Stream of records given up, with the reason; an operator replays or removes them. */
  readonly dead: string
  /** Stream of delivered records, cut at a fixed length: history for people. */
  readonly delivered: string
}

export function outboxNames(partition: number): OutboxNames {
  const name = (what: string) => `vk:{${partition}}:${what}`
  return {
    outbox: name('outbox'),
    alerts: name('alerts'),
    retry: name('retry'),
    parked: name('parked'),
    dead: name('dead'),
    delivered: name('delivered'),
  }
}

/** Hash: the last sign of life of each plugin server process, by its id. They belong to no key, so to partition 0. */
export function processesName(): string {
  return 'vk:{0}:processes'
}

/** The consumer group of every outbox stream. */
export const DISPATCHERS = 'dispatchers'

/** A short stable name for a value that may hold a secret, such as a Redis address with its password. */
export function fingerprint(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16)
}
