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

/** The end of a document and where it can be read forward again. All positions count from the start of the bytes. */
export interface Tail {
  /** Position after the document's closing brace. */
  readonly end: number
  /** Where the document itself seems to start; -1: before these bytes. */
  readonly root: number
  /** Where a name is expected in the document's object, the last one first. */
  readonly members: readonly number[]
  /** The same in the first object below it that was met or begun. */
  readonly inner: readonly number[]
  /** The name of that object lies before these bytes. */
  readonly nameless: boolean
}

/**
 * Walks from the end of a document backwards, as far as the bytes are consistent with JSON, to find where its members
 * begin. JSON allows that: outside of strings a closing quote is never escaped, and levels count down as well as up.
 * Undefined when the bytes do not end like an object, or like an array of objects (then its last element is meant).
 */
export function tailOf(bytes: Uint8Array): Tail | undefined {
  const end = endOfObject(bytes)
  if (end < 0) return undefined
  const members: number[] = []
  let inner: number[] = []
  let level = 1
  let root = -1
  let inObject = false
  /** What stands to the right: a comma in an object must be followed by a name and its colon. */
  let right = 0
  let rightOfString = 0
  for (let at = end - 1; at > 0 && root < 0; ) {
    const byte = bytes[--at] as number
    const kind = KIND[byte]
    if (kind === SPACE) continue
    if (byte === QUOTE) {
      if (escapes(bytes, 0, at) % 2 === 1) break
      at = openingQuote(bytes, at)
      if (at < 0) break
      rightOfString = right
    } else if (kind === CLOSE) {
      if (++level === 2) inObject = byte === CLOSE_OBJECT
      if (level === 2) inner = []
    } else if (kind === OPEN) {
      if (--level === 0) root = at
    } else if (byte === COMMA && (level === 1 || (level === 2 && inObject))) {
      if (right !== QUOTE || rightOfString !== COLON) break
      if (level === 1) members.push(at + 1)
      else inner.push(at + 1)
    } else if (kind === ILLEGAL) break
    right = byte
  }
  return { end, root, members, inner, nameless: level > 1 }
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
