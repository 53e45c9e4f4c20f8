import {
  BACKSLASH,
  CLOSE,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  ILLEGAL,
  KIND,
  OPEN,
  QUOTE,
  SPACE,
} from './bytes.ts'
import { escapes } from './skip.ts'

/** A place in the end of a document from which it can be read forward again: where a member's name is expected. */
export interface Entry {
  readonly at: number
  /** 0: before the document; 1: in the document's object; 2: in an object whose name lies before these bytes. */
  readonly level: 0 | 1 | 2
}

/** The end of a document and the places to enter it, the earliest first. */
export interface Tail {
  readonly end: number
  readonly entries: readonly Entry[]
}

/**
 * Walks from the end of a document backwards, as far as the bytes are consistent with JSON, to find where its members
 * begin. JSON allows that: outside of strings a closing quote is never escaped, and levels count down as well as up.
 * Undefined when the bytes do not end like an object, or like an array of objects (then its last element is meant).
 */
export function tailOf(bytes: Uint8Array): Tail | undefined {
  const end = endOfObject(bytes)
  if (end < 0) return undefined
  let level = 1
  let first: Entry | undefined
  let inner: Entry | undefined
  let innerIsObject = false
  /** What stands to the right: a comma in an object must be followed by a name and its colon. */
  let right = 0
  let rightOfString = 0
  for (let at = end - 1; at > 0; ) {
    const byte = bytes[--at] as number
    const kind = KIND[byte]
    if (kind === SPACE) continue
    if (kind === ILLEGAL) break
    if (byte === QUOTE) {
      if (escapes(bytes, 0, at) % 2 === 1) break
      at = openingQuote(bytes, at)
      if (at < 0) break
      rightOfString = right
    } else if (kind === CLOSE) {
      if (++level === 2) innerIsObject = byte === CLOSE_OBJECT
    } else if (kind === OPEN) {
      if (--level === 0) return { end, entries: [{ at, level: 0 }] }
      if (level === 1) inner = undefined
    } else if (byte === COMMA && level === 1) {
      if (right !== QUOTE || rightOfString !== COLON) break
      first = { at: at + 1, level: 1 }
      inner = undefined
    } else if (byte === COMMA && level === 2 && innerIsObject) {
      if (right !== QUOTE || rightOfString !== COLON) break
      inner = { at: at + 1, level: 2 }
    }
    right = byte
  }
  return { end, entries: [inner, first].filter((entry) => entry !== undefined) }
}

/** Position after the document's `}`, or after the one of the last element of a document that is an array; -1: neither. */
function endOfObject(bytes: Uint8Array): number {
  let end = withoutSpace(bytes, bytes.length)
  if (bytes[end - 1] === CLOSE_ARRAY) end = withoutSpace(bytes, end - 1)
  return bytes[end - 1] === CLOSE_OBJECT ? end : -1
}

function withoutSpace(bytes: Uint8Array, end: number): number {
  let at = end
  while (at > 0 && KIND[bytes[at - 1] as number] === SPACE) at--
  return at
}

/** Position of the quote that opens the string which the quote at `closing` closes; -1: it lies before these bytes. */
function openingQuote(bytes: Uint8Array, closing: number): number {
  let at = closing
  while (at-- > 0) {
    if (bytes[at] !== QUOTE) continue
    if (bytes[at - 1] !== BACKSLASH || escapes(bytes, 0, at) % 2 === 0) return at
  }
  return -1
}
