import { SILENT } from '../../plugins/virtual-key/redis/heartbeat.ts'
import { placeOf, type RedisPlace, samePlace } from '../options/redis-place.ts'
import { several } from '../output/text.ts'
import { check } from './check.ts'
import type { DoctorContext } from './context.ts'
import { type Judged, ok, skipped, warn } from './finding.ts'
import type { Configuration } from './gateway.ts'

export interface SameRedisFacts {
  readonly here: RedisPlace
  readonly configurations: ReadonlyArray<Pick<Configuration, 'id' | 'scope' | 'redis'>>
  /** Configurations that a live plugin server has seen, by its report in the Redis that is checked here. */
  readonly seen: ReadonlySet<string>
}

async function probe(context: DoctorContext): Promise<SameRedisFacts> {
  const { configurations } = await context.gateway()
  // If it cannot be reached, another check reports that.
  const processes = await context.processes().catch(() => [])
  const living = processes.filter(({ silent }) => silent < SILENT)
  return {
    here: placeOf(context.options.redis),
    seen: new Set(living.flatMap((one) => one.configurations)),
    configurations: configurations.filter(({ enabled }) => enabled),
  }
}

export function judgeSameRedis({ here, configurations, seen }: SameRedisFacts): Judged[] {
  if (configurations.length === 0) return [skipped('virtual-key is not enabled')]
  const elsewhere = new Map<string, string[]>()
  for (const { id, scope, redis } of configurations) {
    // The report of its plugin server is in this Redis, so it is the same, under another name.
    if (!samePlace(redis, here) && !seen.has(id))
      elsewhere.set(named(redis), [...(elsewhere.get(named(redis)) ?? []), scope])
  }
  if (elsewhere.size === 0) return [ok(`every configuration uses ${named(here)}`)]
  return [...elsewhere].map(([place, scopes]) =>
    warn(
      `${several(scopes)}: keeps its totals in ${place}, looked at here is ${named(here)}, where none of its plugin servers is heard of`,
      'name that one by --redis-url; if it is the same, seen from elsewhere, send a request through virtual-key and look again',
    ),
  )
}

function named({ addresses, database }: RedisPlace): string {
  return `${addresses.join(', ')}${database === 0 ? '' : `, database ${database}`}`
}

/** Whether the plugin keeps its data in the Redis of this command. */
export const sameRedis = check('same-redis', probe, judgeSameRedis)
