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
import type { FactSheet } from './facts.ts'
import type { PathNode, Paths } from './paths.ts'
import { Scan } from './scan.ts'
import { escapes, Haystack } from './search.ts'

/**
 * How much of a document's end is read, in bytes: the tap keeps no more of a body after the part that it drops, and almost all documents
 * report usage near their end.
 */
const RESCUED_MAX = 256 * 1024

/** Most places of one kind in a document's end from which reading is tried; one gap in a body costs a try or two. */
const TRIES_MAX = 8

/**
 * The facts in the end of a document whose beginning or middle is missing or is not JSON; undefined if there are none.
 * @param parents the objects directly below the document in which the gap may be, as far as they are known
 */
export function rescue(
  tail: Tail,
  paths: Paths,
  parents: readonly (PathNode | undefined)[],
): FactSheet | undefined {
  const end = new End(tail, paths)
  const inner = () => end.merged(parents.map((parent) => parent && end.first(tail.inner, parent)))
  const whole = () => end.document() ?? end.first(tail.members)
  return tail.nameless ? (inner() ?? whole()) : (whole() ?? inner())
}

/** A document's end that is read forward from several places. */
class End {
  private readonly haystack: Haystack
  private readonly tail: Tail
  private readonly paths: Paths

  constructor(tail: Tail, paths: Paths) {
    this.haystack = new Haystack(tail.bytes)
    this.tail = tail
    this.paths = paths
  }

  document(): FactSheet | undefined {
    const { root, end } = this.tail
    const scan = new Scan(this.paths, () => {})
    return root >= 0 && scan.document(this.haystack, root, end) >= 0 && scan.facts.hasNumbers
      ? scan.facts
      : undefined
  }

  /**
   * The facts from the earliest of the places (the list starts with the last one) from which the bytes can be read as the rest of a
   * document, or of its member `parent` if one is given. Where two parts of a body were joined, reading fails at the joint, and places
   * after it are tried. Bytes can be readable from a wrong place too, but then no number is in a place of interest.
   */
  first(places: readonly number[], parent?: PathNode): FactSheet | undefined {
    let brokenAt = 0
    let tries = 0
    for (const at of places.toReversed()) {
      if (at < brokenAt) continue
      const scan = new Scan(this.paths, () => {})
      const to = scan.rest(this.haystack, at, this.tail.end, parent)
      if (to >= 0 && scan.facts.hasNumbers) return scan.facts
      if (++tries === TRIES_MAX) return undefined
      brokenAt = to < 0 ? ~to : to
    }
    return undefined
  }

  /** The facts of several readings; where they differ, the later one counts. */
  merged(found: readonly (FactSheet | undefined)[]): FactSheet | undefined {
    const [first, ...others] = found.filter((facts) => facts !== undefined)
    for (const facts of others) first?.merge(facts)
    return first
  }
}

/** The end of a document, and positions from which it can be read forward. All positions count from the start of the bytes. */
export interface Tail {
  /** The last bytes of the document. */
  readonly bytes: Buffer
  /** Position after the document's closing brace. */
  readonly end: number
  /** Where the document itself seems to start; -1 if that is before these bytes. */
  readonly root: number
  /** Positions of names in the document's object, the last one first. */
  readonly members: readonly number[]
  /** The same for the first object directly below it that was found, even if its beginning is missing. */
  readonly inner: readonly number[]
  /** Whether the name of that object is missing, because it is before these bytes. */
  readonly nameless: boolean
}

/**
 * Walks from the end of a document backwards, as far as the bytes are consistent with JSON, to find where its members
 * begin. JSON allows that: outside of strings a closing quote is never escaped, and levels can be counted backwards too.
 * Undefined if the bytes do not end like an object, or like an array of objects (whose last element is then read).
 */
export function tailOf(document: Buffer): Tail | undefined {
  const bytes = document.subarray(Math.max(0, document.length - RESCUED_MAX))
  const end = endOfObject(bytes)
  if (end < 0) return undefined
  const members: number[] = []
  let inner: number[] = []
  let level = 1
  let root = -1
  let inObject = false
  /** What is on the right: a comma in an object must be followed by a name and its colon. */
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
  return { bytes, end, root, members, inner, nameless: level > 1 }
}

/** Position after the document's `}`, or after that of the last element if the document is an array; -1 if neither is there. */
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

/** Position of the quote that opens the string which the quote at `closing` closes; -1 if it is before these bytes. */
function openingQuote(bytes: Uint8Array, closing: number): number {
  let at = closing
  while (at-- > 0) {
    if (bytes[at] !== QUOTE) continue
    if (bytes[at - 1] !== BACKSLASH || escapes(bytes, 0, at) % 2 === 0) return at
  }
  return -1
}
