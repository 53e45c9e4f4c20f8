/**
 * One step of the Redis schema. Its file steps/<name>.lua defines three functions for one record, which counting and changing share:
 * - `lacks(index, record, id)`: does this record still lack what the step adds? index and record are names, id is the key id
 * - `try(index, none)` calls each command of `change` except HSET, in a form that changes nothing, on `none`, a name that never exists: a
 *   command that the Redis user may not call fails before anything is written
 * - `change(index, record, id)` adds it, with HSET and the commands in `try`
 *
 * A step that has been released is never changed: it may use names of keys and the meaning of a record's `created_at`, but no
 * code whose meaning may change. Applying it to the same record twice must be harmless. Readers must work without what it adds, because
 * an older virtual-key may still write a record while the step runs.
 */
export interface Step {
  /** Its number in the list, with three digits, and its subject. */
  readonly name: string
  /**
   * Where its records come from: `names` = a SCAN for hashes with `created_at`, in the index or not; `index` = the partition's index.
   */
  readonly over: 'names' | 'index'
}

/** The steps of the Redis schema. Step n leads from schema n - 1 to schema n. Append only; SCHEMA_VERSION is its length. */
export const STEPS: readonly Step[] = [
  { name: '001_virtual_keys', over: 'names' },
  { name: '002_virtual_key_alert', over: 'index' },
]
