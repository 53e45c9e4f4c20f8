import { outboxNames, PARTITIONS } from '../../plugins/virtual-key/redis/names.ts'
import { counted } from '../output/text.ts'
import { check } from './check.ts'
import { type Judged, ok, warn } from './finding.ts'
import type { Seat } from './seat.ts'

export interface DeadFacts {
  readonly dead: number
  /** Why the newest one died. */
  readonly reason?: string
}

async function probe(seat: Seat): Promise<DeadFacts> {
  const redis = await seat.redis()
  const found = await Promise.all(
    Array.from({ length: PARTITIONS }, async (_, partition) => {
      const { dead } = outboxNames(partition)
      return { length: await redis.xlen(dead), last: (await redis.xrevrange(dead, '+', '-', 'COUNT', 1))[0] }
    }),
  )
  const [newest] = found
    .flatMap(({ last }) => (last === undefined ? [] : [last]))
    .sort(([a], [b]) => Number.parseInt(b, 10) - Number.parseInt(a, 10))
  const at = newest?.[1].indexOf('reason') ?? -1
  const reason = at < 0 ? undefined : newest?.[1][at + 1]
  return {
    dead: found.reduce((sum, { length }) => sum + length, 0),
    ...(reason === undefined ? {} : { reason }),
  }
}

export function judgeDead({ dead, reason }: DeadFacts): Judged[] {
  if (dead === 0) return [ok('none')]
  return [
    warn(
      `${counted(dead, 'alert')} given up, the newest: ${reason ?? 'for no reason on record'}`,
      'vk alerts list --dead tells them, vk alerts replay --all-dead sends them again, vk alerts purge removes them',
    ),
  ]
}

/** Alerts that were given up. */
export const deadAlerts = check('dead-alerts', probe, judgeDead)
