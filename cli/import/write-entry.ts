import type { Connection } from '../../plugins/virtual-key/redis/script.ts'
import { readKey } from '../../plugins/virtual-key/registry/read.ts'
import { type RegisteredKey, textOf } from '../../plugins/virtual-key/registry/record.ts'
import { writeKey } from '../../plugins/virtual-key/registry/write.ts'
import type { KeyField } from '../../schema/key.ts'
import type { KeyChanges } from '../options/key-options.ts'
import type { Entry } from './entry.ts'
import type { Outcome } from './importer.ts'

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
export function changesFor(
  { settings, used }: Entry,
  before: RegisteredKey | undefined,
  now: number,
): KeyChanges {
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
