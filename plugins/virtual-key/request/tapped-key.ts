import type { Tapped } from '../metering/tap/tapped.ts'
import { consumerKey, headerKey, type Identification, usable } from './identity.ts'
import { type Note, noteFrom } from './note.ts'

/** What access has to note for `tappedKey`: the tap does not know which header names the key. */
export function keyNote(how: Identification, headers: Record<string, string[]>): Note {
  const key = how.by === 'header' ? headerKey(headers, how.name) : undefined
  return key === undefined ? {} : { key }
}

/** The key id of a tapped response, undefined without a key. */
export function tappedKey(how: Identification, { consumer, credentialId, note }: Tapped): string | undefined {
  switch (how.by) {
    case 'consumer':
      return consumerKey(consumer)
    case 'credential':
      return usable(credentialId)
    case 'header':
      return noteFrom(note).key
  }
}
