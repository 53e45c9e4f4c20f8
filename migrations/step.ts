/**
 * One step of the Redis schema, written as what it does to one record, so that counting and changing cannot differ.
 *
 * A step that has been released is never changed: it may use names of keys.ts and the meaning of a record's `created_at`, but no
 * code whose meaning may change. It bears being applied to the same record twice. Readers must be able to do without what it adds,
 * because an older virtual-key may still write a record behind it while it runs.
 */
export interface Step {
  /** As its file: its number in the list, three digits, and what it is about. */
  readonly name: string
  /**
   * Where its records come from: `names` = a SCAN for hashes with `created_at`, whether the index knows them or not; `index` = the
   * partition's index.
   */
  readonly over: 'names' | 'index'
  /** Lua expression: does this record still lack what the step adds? `index` and `record` are names, `id` is the key id. */
  readonly lacks: string
  /** Lua statements that add it, to the same names. They write with HSET, and with what `trial` tries. */
  readonly change: string
  /**
   * Lua statements that call each command of `change` but HSET on `none`, a name that is never there, such that nothing
   * changes: a command that Redis does not let the user call fails before anything is written.
   */
  readonly trial?: string
}
