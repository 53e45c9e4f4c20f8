import type { Splice } from './include-usage.ts'

/**
 * Names in kong.ctx.shared. NOTE: what the access phase of a tapped route tells the tap, which then turns buffering off. TAPPED: what the
 * tap tells the log phase. RESERVED: the note of a buffered request, which must not turn buffering off.
 */
export const NOTE = 'vk_note'
export const TAPPED = 'vk_tapped'
export const RESERVED = 'vk_reserved'

/** Begins a note whose request the tap keeps for an estimate. */
export const KEEP = 'keep'

/** What the access phase leaves for later phases of the same request in kong.ctx.shared; on a tapped route the tap hands it over. */
export interface Note {
  /** The key id, where the access phase has to tell it. */
  readonly key?: string
  /** What the request has reserved of its key's budget. */
  readonly reservation?: string
}

/** A change that the tap makes in the request's body, if that still has the length it had. */
export interface BodyChange extends Splice {
  /** Unit: bytes. */
  readonly length: number
}

/** What the tap itself has to do. */
export interface Wishes {
  readonly change?: BodyChange | undefined
  /** Keep the start of the request's body for an estimate. */
  readonly keep?: boolean
}

/** First line: the tap's wishes, or nothing. Second: the note, which the tap only hands over. */
export function noteText(note: Note, { change, keep = false }: Wishes = {}): string {
  const wishes = [...(keep ? [KEEP] : []), ...(change === undefined ? [] : [changeText(change)])]
  return `${wishes.join(' ')}\n${JSON.stringify(note)}`
}

function changeText({ length, from, to, text }: BodyChange): string {
  return `${length} ${from} ${to} ${text}`
}

/** @returns an empty note where the text is none of ours */
export function noteFrom(text: string): Note {
  try {
    return (JSON.parse(text.slice(text.indexOf('\n') + 1)) as Note | null) ?? {}
  } catch {
    return {}
  }
}
