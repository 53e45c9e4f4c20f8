import { PARTITIONS } from '../plugins/virtual-key/redis/names.ts'
import type { Connection } from '../plugins/virtual-key/redis/script.ts'
import { lackingOf } from './batch.ts'
import { STEPS } from './index.ts'
import { MIGRATION_SCRIPTS } from './scripts.ts'
import { schemaStatus } from './status.ts'
import { WALKS } from './walk.ts'

/** A step that would run. */
export interface Planned {
  readonly step: string
  /** Records that it would change. */
  readonly records: number
}

/**
 * What `migrate` would do now. Changes nothing.
 * @throws SchemaError where Redis holds a newer schema, ReplyError or a connection's Error
 */
export async function dryRun(redis: Connection): Promise<Planned[]> {
  MIGRATION_SCRIPTS.define(redis)
  const { versions, pending } = await schemaStatus(redis)
  const records = new Map(pending.map((name) => [name, 0]))
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (const [name, count] of await countIn(redis, partition, versions[partition] ?? 0)) {
      records.set(name, (records.get(name) ?? 0) + count)
    }
  }
  return [...records].map(([step, count]) => ({ step, records: count }))
}

async function countIn(redis: Connection, partition: number, version: number): Promise<Map<string, number>> {
  const steps = STEPS.slice(version)
  // The steps before will have added records to the index, so those are found by name.
  const walk = WALKS[steps.some(({ over }) => over === 'names') ? 'names' : 'index']
  const lacking = new Map(steps.map(({ name }) => [name, new Set<string>()]))
  let cursor = ''
  for (let last = steps.length === 0; !last; ) {
    const page = await walk(redis, partition, cursor)
    ;({ cursor, last } = page)
    for (const step of steps) {
      for (const id of await lackingOf(redis, step, partition, page)) lacking.get(step.name)?.add(id)
    }
  }
  return new Map([...lacking].map(([name, ids]) => [name, ids.size]))
}
