/**
 * One step of the Redis schema. Its file steps/<name>.lua says what it does to one record, so that counting and changing cannot
 * differ, as three functions:
 * - `lacks(index, record, id)`: does this record still lack what the step adds? index and record are names, id is the key id
 * - `try(index, none)` calls each command of `change` but HSET on `none`, a name that is never there, such that nothing changes: a
 *   command that Redis does not let the user call fails before anything is written
 * - `change(index, record, id)` adds it, with HSET and with what `try` tries
 *
 * A step that has been released is never changed: it may use names of keys and the meaning of a record's `created_at`, but no
 * code whose meaning may change. It bears being applied to the same record twice. Readers must be able to do without what it adds,
 * because an older virtual-key may still write a record behind it while it runs.
 */
export interface Step {
  /** Its number in the list, three digits, and what it is about. */
  readonly name: string
  /**
   * Where its records come from: `names` = a SCAN for hashes with `created_at`, whether the index knows them or not; `index` = the
   * partition's index.
   */
  readonly over: 'names' | 'index'
}

/** The steps of the Redis schema. Step n leads from schema n - 1 to schema n. Append only; SCHEMA_VERSION is its length. */
export const STEPS: readonly Step[] = [
  { name: '001_virtual_keys', over: 'names' },
  { name: '002_virtual_key_alert', over: 'index' },
]
