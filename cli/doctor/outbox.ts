import type { AlertRecord } from '../../plugins/virtual-key/outbox/alert-record.ts'
import { outboxNames, PARTITIONS } from '../../plugins/virtual-key/redis/names.ts'
import { counted, lasting } from '../output/text.ts'
import { check } from './check.ts'
import type { DoctorContext } from './context.ts'
import { fail, type Judged, ok, warn } from './finding.ts'
import { GRACE, type OutboxView } from './outbox-view.ts'

export function judgeOutbox({
  fresh,
  waiting,
  overdue,
  stale,
  dispatchers,
  now,
  records,
}: OutboxView): Judged[] {
  const all = fresh + waiting
  if (all === 0) return [ok('empty')]
  const ages = records.map((record) => now - crossedAt(record)).filter(Number.isFinite)
  const age = ages.length === 0 ? '' : `, the oldest from ${lasting(Math.max(...ages))} ago`
  const depth = `${counted(all, 'alert')}${age}; ${waiting} for another attempt`
  if ((stale || overdue > 0) && dispatchers === 0) {
    return [
      fail(
        `${depth}; no dispatcher takes them`,
        'run vk dispatch, or send a request through each configuration, which wakes its plugin server',
      ),
    ]
  }
  const untried = records.filter(
    (record) => record.attempts.length === 0 && now - crossedAt(record) > GRACE,
  ).length
  const takers = counted(dispatchers, 'dispatcher')
  if (untried > 0 && dispatchers > 0) {
    return [
      warn(
        `${depth}; ${counted(untried, 'old one')} never tried, though ${takers} run${dispatchers === 1 ? 's' : ''}`,
        'no dispatcher may know their signing secrets: send a request through their configuration, or run vk dispatch with the secrets',
      ),
    ]
  }
  if (stale || overdue > 0) {
    return [warn(`${depth}; ${takers}, not fast enough`, 'see vk alerts list for a webhook that hangs')]
  }
  return [waiting > 0 ? warn(depth, 'see vk alerts list for what went wrong') : ok(depth)]
}

/** Milliseconds since 1970; NaN if the payload has no time. */
function crossedAt({ payload }: AlertRecord): number {
  try {
    return Date.parse((JSON.parse(payload) as { timestamp: string }).timestamp)
  } catch {
    return Number.NaN
  }
}

/** How many alerts wait, since when, and whether a dispatcher claims them. */
export const outbox = check('outbox', (context) => context.outbox(), judgeOutbox)

export interface DeadFacts {
  readonly dead: number
  /** Why the newest one became a dead letter. */
  readonly reason?: string
}

async function probe(context: DoctorContext): Promise<DeadFacts> {
  const redis = await context.redis()
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

/** Dead letters. */
export const deadAlerts = check('dead-alerts', probe, judgeDead)
