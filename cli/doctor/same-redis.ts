import { check } from './check.ts'
import { type Configuration, placeOf, type RedisPlace } from './configuration.ts'
import { type Judged, ok, skipped, warn } from './finding.ts'
import type { Seat } from './seat.ts'
import { several } from './wording.ts'

export interface SameRedisFacts {
  readonly here: RedisPlace
  readonly configurations: ReadonlyArray<Pick<Configuration, 'scope' | 'redis'>>
}

async function probe(seat: Seat): Promise<SameRedisFacts> {
  const { configurations } = await seat.gateway()
  return {
    here: placeOf(seat.options.redis),
    configurations: configurations.filter(({ enabled }) => enabled),
  }
}

export function judgeSameRedis({ here, configurations }: SameRedisFacts): Judged[] {
  if (configurations.length === 0) return [skipped('virtual-key is not enabled')]
  const elsewhere = new Map<string, string[]>()
  for (const { scope, redis } of configurations) {
    if (!same(redis, here)) elsewhere.set(named(redis), [...(elsewhere.get(named(redis)) ?? []), scope])
  }
  if (elsewhere.size === 0) return [ok(`every configuration uses ${named(here)}`)]
  return [...elsewhere].map(([place, scopes]) =>
    warn(
      `${several(scopes)}: keeps its totals in ${place}, looked at here is ${named(here)}`,
      'it may be the same, seen from elsewhere; else name that one by --redis-url',
    ),
  )
}

/** Of a cluster one common node is enough: any node leads to all. */
function same(one: RedisPlace, other: RedisPlace): boolean {
  const known = other.addresses.map(plain)
  return one.database === other.database && one.addresses.some((address) => known.includes(plain(address)))
}

function plain(address: string): string {
  return address.toLowerCase().replace(/^(localhost|::1|\[::1\]):/, '127.0.0.1:')
}

function named({ addresses, database }: RedisPlace): string {
  return `${addresses.join(', ')}${database === 0 ? '' : `, database ${database}`}`
}

/** Whether the plugin keeps its data where this command looks. */
export const sameRedis = check('same-redis', probe, judgeSameRedis)
