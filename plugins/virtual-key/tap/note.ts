import type { Splice } from '../ask/include-usage.ts'
import type { Reservation } from '../ledger/reserve.ts'

/** Name in kong.ctx.shared of a buffered request's note. NOTE, the tapped one's, would make a tap turn buffering off. */
export const HELD = 'vk_held'

/** What the access phase tells later phases of the same request through kong.ctx.shared, and through the tap where there is one. */
export interface Note {
  /** The key id, where the access phase has to tell it. */
  readonly key?: string
  /** What the request holds of its key's budget. */
  readonly reservation?: Reservation
  /** Where the request's body is kept for an estimate (estimate/requests.ts). */
  readonly request?: string
}

/** A change that the tap makes in the request's body, if that still has the length it had. */
export interface BodyChange extends Splice {
  /** Unit: bytes. */
  readonly length: number
}

/** First line: the change for the tap, or nothing. Second: the note, which the tap only hands over. */
export function noteText(note: Note, change?: BodyChange): string {
  return `${change === undefined ? '' : changeText(change)}\n${JSON.stringify(note)}`
}

export function changeText({ length, from, to, text }: BodyChange): string {
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
