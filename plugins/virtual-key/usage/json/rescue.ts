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
 * How much of a document's end is looked at, in bytes: the tap keeps no more of a body after the part that it drops, and usage stands
 * near the end of almost all documents.
 */
const RESCUED_MAX = 256 * 1024

/** Places of a kind in a document's end that are tried before they are given up: one seam costs a try or two. */
const TRIES_MAX = 8

/**
 * What the end of a document says whose beginning or middle is missing, or is no JSON. Undefined where it says nothing.
 * @param parents the objects below the document that it may have been cut in, as far as they are known
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
   * The facts from the earliest place (they come last one first) from which the bytes are the rest of a document that is open, in its
   * member `parent` if one is given. Where bytes were joined without a sign, reading breaks at the joint, and goes on after it. From a
   * wrong place the bytes can fit too, but then no number is where it belongs.
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

  /** The facts of several readings together; a later one counts where they differ. */
  merged(found: readonly (FactSheet | undefined)[]): FactSheet | undefined {
    const [first, ...others] = found.filter((facts) => facts !== undefined)
    for (const facts of others) first?.merge(facts)
    return first
  }
}

/** The end of a document and where it can be read forward again. All positions count from the start of the bytes. */
export interface Tail {
  /** The last bytes of the document. */
  readonly bytes: Buffer
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
export function tailOf(document: Buffer): Tail | undefined {
  const bytes = document.subarray(Math.max(0, document.length - RESCUED_MAX))
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
  return { bytes, end, root, members, inner, nameless: level > 1 }
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
