import type { KeyField, KeySettings } from '../../../schema/key.ts'
import { windowsAt } from '../policy/window.ts'
import { indexName, keyName, noneName, partitionOf, schemaName, totalName } from '../redis/names.ts'
import { SCHEMA_VERSION, SchemaError } from '../redis/schema-version.ts'
import { type Connection, run, SCRIPTS } from '../redis/script.ts'
import { KEY_FIELDS, textOf } from './key-record.ts'

/** `create`: must not be there. `update`: must be there. `upsert`: either. */
export type WriteMode = 'create' | 'update' | 'upsert'
export type Written = 'created' | 'updated' | 'unchanged' | 'exists' | 'absent'

interface WriteKeyArguments {
  readonly schema: number
  readonly mode: WriteMode
  readonly id: string
  readonly now: number
  readonly fields: ReadonlyArray<{ readonly name: KeyField; readonly text: string }>
}

const writeKeyScript = SCRIPTS.script<[WriteKeyArguments], Written | number>('write-key')

interface ResetKeyArguments {
  readonly schema: number
  readonly id: string
  readonly remove: readonly KeyField[] | undefined
}

const resetKeyScript = SCRIPTS.script<[ResetKeyArguments], number | [version: number]>('reset-key')

/**
 * Writes settings of a key, as one step; fields that are not named stay. undefined as a value clears a field.
 * @param at milliseconds since 1970
 * @throws SchemaError where Redis holds another schema, ReplyError or a connection's Error
 */
export async function writeKey(
  redis: Connection,
  id: string,
  settings: { readonly [N in KeyField]?: KeySettings[N] | undefined },
  mode: WriteMode,
  at: number,
): Promise<Written> {
  const partition = partitionOf(id)
  const fields = (Object.keys(settings) as KeyField[]).map((name) => ({ name, text: textOf(settings[name]) }))
  const reply = await run(
    redis,
    writeKeyScript,
    [schemaName(partition), keyName(id), indexName(partition), noneName(partition)],
    { schema: SCHEMA_VERSION, mode, id, now: at, fields },
  )
  if (typeof reply === 'number') throw new SchemaError(reply)
  return reply
}

/**
 * Starts a key anew: its totals at 0, every threshold armed. Settings stay, or go with `remove`.
 * @param at milliseconds since 1970
 * @returns the new epoch; undefined: there is no such key
 * @throws SchemaError, ReplyError or a connection's Error
 */
export async function resetKey(
  redis: Connection,
  id: string,
  at: number,
  { remove = false } = {},
): Promise<number | undefined> {
  const partition = partitionOf(id)
  const reply = await run(
    redis,
    resetKeyScript,
    [
      schemaName(partition),
      keyName(id),
      indexName(partition),
      noneName(partition),
      ...windowsAt(at).map(({ label }) => totalName(id, label)),
    ],
    { schema: SCHEMA_VERSION, id, remove: remove ? KEY_FIELDS : undefined },
  )
  if (Array.isArray(reply)) throw new SchemaError(reply[0])
  return reply === -1 ? undefined : reply
}
