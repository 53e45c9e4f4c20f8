import { indexName, PARTITIONS } from '../../plugins/virtual-key/redis/names.ts'
import { SCHEMA_VERSION, schemaVersion } from '../../plugins/virtual-key/redis/schema-version.ts'
import { counted } from '../output/text.ts'
import { check } from './check.ts'
import type { DoctorContext } from './context.ts'
import { fail, type Judged, ok, warn } from './finding.ts'

export interface SchemaFacts {
  /** Of each partition. */
  readonly versions: readonly number[]
  /** Registered keys. */
  readonly keys: number
  /** Whether a configuration has `registry: true`; undefined if Kong was not read. */
  readonly configured: boolean | undefined
}

async function probe(context: DoctorContext): Promise<SchemaFacts> {
  const redis = await context.redis()
  const partitions = [...Array(PARTITIONS).keys()]
  const [versions, keys, gateway] = await Promise.all([
    Promise.all(partitions.map((partition) => schemaVersion(redis, partition))),
    Promise.all(partitions.map((partition) => redis.zcard(indexName(partition)))),
    context.gateway().catch(() => undefined),
  ])
  return {
    versions,
    keys: keys.reduce((sum, n) => sum + n, 0),
    configured: gateway?.configurations.some(({ enabled, registry }) => enabled && registry),
  }
}

export function judgeSchema({ versions, keys, configured }: SchemaFacts, known = SCHEMA_VERSION): Judged[] {
  const [oldest, newest] = [Math.min(...versions), Math.max(...versions)]
  if (newest > known) {
    return [
      fail(
        `schema ${newest}, newer than ${known}, the newest known here`,
        'upgrade virtual-key, or use its newer vk',
      ),
    ]
  }
  const used = keys > 0 || configured === true
  if (newest === 0 && !used) return [ok('none yet: not needed before registry: true or vk keys')]
  const state = used ? fail : warn
  if (oldest !== newest) {
    return [
      state(
        `schema ${oldest} in some partitions, ${newest} in others: a migration is under way or was interrupted`,
        'run vk migrate',
      ),
    ]
  }
  const registered = counted(keys, 'registered key')
  if (newest < known) {
    const why =
      keys > 0 ? `, with ${registered}` : configured ? ', and a configuration has registry: true' : ''
    return [state(`schema ${newest}, this version needs ${known}${why}`, 'run vk migrate')]
  }
  return [ok(`schema ${newest}, ${registered}`)]
}

/** Whether the registry's data is as this version writes it. */
export const schema = check('schema', probe, judgeSchema)
