import type { Connection } from '../../plugins/virtual-key/redis/script.ts'
import {
  FieldError,
  KEY_FIELDS,
  type RegisteredKey,
  textOf,
  valueFrom,
} from '../../plugins/virtual-key/registry/key-record.ts'
import { readKey } from '../../plugins/virtual-key/registry/keys.ts'
import { writeKey } from '../../plugins/virtual-key/registry/write.ts'
import { type KeyField, type KeySettings, key } from '../../schema/key.ts'
import { type KeyChanges, unusableId } from '../options/key-options.ts'
import { fromDatabase } from '../options/time.ts'
import type { BadRow, Row } from './row.ts'

/** One key as a row of a file has it. */
export interface Entry {
  readonly line: number
  readonly id: string
  /** undefined as a value: the file says that the key has none. Fields that the file does not have are absent. */
  readonly settings: KeyChanges
  /** The file says that it was used, but not when. */
  readonly used: boolean
  /** What clients send; for Kong, never for Redis. */
  readonly secret?: string
}

/** A column of older tables: when a one-shot key was used, or only whether. */
const USED = 'used'
const SECRET = 'key'

/** What a file may have. */
export const COLUMNS: readonly string[] = ['id', SECRET, USED, ...KEY_FIELDS]

type Scope = NonNullable<KeySettings['scope']>

const SCOPES: ReadonlyMap<string, Scope> = new Map([
  ...['read', 'readonly', 'read_only', 'r', 'ro'].map((word) => [word, 'read'] as const),
  ...['all', '*', 'full', 'write', 'readwrite', 'read_write', 'rw'].map((word) => [word, 'all'] as const),
])

/** Databases write NULL as nothing, as a word, or as \N. */
const NONE = /^(?:|null|\\N)$/i
const TRUE = /^(?:1|t|true|y|yes|on)$/i
const FALSE = /^(?:0|f|false|n|no|off)$/i

/** @returns the entry, or every problem of the row */
export function entryFrom({ line, values }: Row): Entry | BadRow[] {
  const bad: BadRow[] = []
  const settings: Partial<Record<KeyField, unknown>> = {}
  const id = values.get('id') ?? ''
  const unusable = id === '' ? 'it is missing' : unusableId(id)
  if (unusable !== undefined) bad.push({ line, field: 'id', problem: unusable })
  for (const name of KEY_FIELDS) {
    const text = values.get(name)
    // A key that was used in Kong stays used, whatever an older table says.
    if (text === undefined || (name === 'used_at' && NONE.test(text.trim()))) continue
    try {
      settings[name] = NONE.test(text.trim()) ? undefined : settingFrom(name, text.trim())
    } catch (error) {
      if (!(error instanceof FieldError)) throw error
      bad.push({ line, field: name, problem: error.message.slice(name.length + 2) })
    }
  }
  const used = usedFrom(values.get(USED)?.trim() ?? '')
  if (used === undefined) bad.push({ line, field: USED, problem: 'neither true, false nor a time' })
  if (typeof used === 'number') settings.used_at = used
  const secret = (values.get(SECRET) ?? '').trim()
  if (bad.length > 0) return bad
  return {
    line,
    id,
    settings: settings as KeyChanges,
    used: used === true && settings.used_at === undefined,
    ...(secret === '' ? {} : { secret }),
  }
}

function settingFrom(name: KeyField, text: string): unknown {
  if (name === 'expires_at' || name === 'used_at') return timeFrom(name, text)
  if (name === 'scope') return scopeFrom(text)
  const { type } = key[name]
  if (type === 'boolean') return valueFrom(name, TRUE.test(text) ? 'true' : FALSE.test(text) ? 'false' : text)
  // PostgreSQL writes an array as {10,20}.
  return valueFrom(name, type === 'array' ? text.replace(/^\{(.*)\}$/, '$1') : text)
}

function timeFrom(name: KeyField, text: string): number {
  const at = fromDatabase(text)
  if (at !== undefined) return at
  throw new FieldError(name, `${JSON.stringify(text)} is no time such as 2026-12-31T18:00:00Z`)
}

function scopeFrom(text: string): Scope {
  const scope = SCOPES.get(text.toLowerCase().replace(/[\s,+/|-]+/g, '_'))
  if (scope) return scope
  throw new FieldError('scope', `${JSON.stringify(text)} is neither like read nor like all`)
}

/** A time or a boolean; undefined for anything else. */
function usedFrom(text: string): number | boolean | undefined {
  if (NONE.test(text) || FALSE.test(text)) return false
  return TRUE.test(text) || fromDatabase(text)
}

/** What became of one key. */
export type Outcome = 'created' | 'updated' | 'unchanged'

/** How an import writes. */
export interface Writing {
  /** Milliseconds since 1970. */
  readonly now: number
  /** Only tell what would become of the key. */
  readonly dryRun: boolean
}

/** Makes the record of a key be as the file has it. @throws SchemaError, ReplyError or a connection's Error */
export async function writeEntry(
  redis: Connection,
  entry: Entry,
  { now, dryRun }: Writing,
): Promise<Outcome> {
  const before = await readKey(redis, entry.id)
  const changes = changesFor(entry, before, now)
  if (dryRun) return outcomeOf(changes, before)
  const written = await writeKey(redis, entry.id, changes, 'upsert', now)
  return written === 'created' || written === 'updated' ? written : 'unchanged'
}

/** What to write, so that a second run of the same file writes nothing. */
function changesFor({ settings, used }: Entry, before: RegisteredKey | undefined, now: number): KeyChanges {
  const named = (Object.keys(settings) as KeyField[]).filter(
    (name) => settings[name] !== undefined || before?.settings[name] !== undefined,
  )
  const changes = Object.fromEntries(named.map((name) => [name, settings[name]]))
  return used && before?.settings.used_at === undefined ? { ...changes, used_at: now } : changes
}

function outcomeOf(changes: KeyChanges, before: RegisteredKey | undefined): Outcome {
  if (before === undefined) return 'created'
  const names = Object.keys(changes) as KeyField[]
  return names.some((name) => textOf(changes[name]) !== textOf(before.settings[name]))
    ? 'updated'
    : 'unchanged'
}
