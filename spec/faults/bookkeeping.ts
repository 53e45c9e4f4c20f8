import { createHash } from 'node:crypto'

/** What one key must have spent, and what it may have spent, as far as the callers alone can tell. Unit: tokens. */
export interface Account {
  readonly keyId: string
  /** Confirmed: the response phase had returned, and the process said afterwards that nothing waits for Redis. */
  certain: number
  /** Of requests that were on their way, or waiting in memory, when their process was killed. */
  unknown: number
}

/** The thresholds that a key has certainly crossed. */
export function crossedBy({ certain }: Account, thresholds: readonly number[]): number[] {
  return thresholds.filter((threshold) => certain >= threshold)
}

/** Whether all that is unknown about a key makes no difference to the thresholds it has crossed. */
export function isExact({ certain, unknown }: Account, thresholds: readonly number[]): boolean {
  return thresholds.every((threshold) => certain >= threshold || certain + unknown < threshold)
}

/** The webhook-id of a crossing, worked out from its definition: generation of the data, key, window, epoch, threshold. */
export function alertId(generation: string, keyId: string, threshold: number): string {
  const crossing = [generation, keyId, 'total', '0', threshold].join('\n')
  return `vk_${createHash('sha1').update(crossing).digest('hex')}`
}
