import { keyName, noneName, schemaName } from '../redis/names.ts'
import { SCHEMA_VERSION, SchemaError } from '../redis/schema-version.ts'
import { type Connection, run, SCRIPTS } from '../redis/script.ts'
import type { CounterState } from './counter-snapshots.ts'

interface RestoreArguments {
  readonly schema: string
  readonly generation: string
  readonly counters: ReadonlyArray<{
    readonly key: string
    readonly counter: string
    readonly epoch: number
    readonly total: number
    readonly ends: number | undefined
  }>
}

const restoreScript = SCRIPTS.script<
  [RestoreArguments],
  ['schema', version: number] | [generation: string, counters: number]
>('restore')

export interface Restored {
  readonly generation: string
  /** Counters that Redis had lost, wholly or their newest tokens. */
  readonly counters: number
}

/**
 * Puts back what this process knows of counters of one partition.
 * @param generation that this process knows @param totals by their names; few enough for one step
 * @throws SchemaError, ReplyError or a connection's Error: nothing was changed, or the reply was lost
 */
export async function restore(
  redis: Connection,
  partition: number,
  generation: string,
  totals: ReadonlyArray<readonly [name: string, known: CounterState]>,
): Promise<Restored> {
  const counters = totals.map(([counter, { keyId, epoch, total, end }]) => ({
    key: keyName(keyId),
    counter,
    epoch,
    total,
    ends: end === undefined ? undefined : Math.ceil(end / 1000),
  }))
  const [found, number] = await run(
    redis,
    restoreScript,
    [schemaName(partition), noneName(partition), ...counters.flatMap(({ key, counter }) => [key, counter])],
    { schema: String(SCHEMA_VERSION), generation, counters },
  )
  if (found === 'schema') throw new SchemaError(number)
  return { generation: found, counters: number }
}
