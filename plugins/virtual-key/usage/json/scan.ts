import {
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  KIND,
  OPEN,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  SPACE,
  STRING,
  WORD,
} from './bytes.ts'
import { type Fact, FactSheet } from './facts.ts'
import { memberOf, type PathNode, type Paths } from './paths.ts'
import { Haystack, skip, stringEnd } from './search.ts'

/** Integers with up to this many digits are safe, and need no parser. */
const DIGITS = 15

/** Longest literal that is read, in bytes; no count is longer. */
const LITERAL_MAX = 256

/** Longest string that is kept, in bytes; longer ones are cut. */
const TEXT_MAX = 256

/** Number of texts that are kept for reuse. */
const KEPT_MAX = 16

const NOTHING = new Haystack(Buffer.alloc(0))

/**
 * Reads the scalars of interest in JSON documents without building the rest. Calls are nested only as deeply as the paths of interest. A
 * negative position ~p means that the bytes stop being JSON at p; if p = end, the rest is missing.
 */
export class Scan {
  /** The facts of the document, or of its last element if it is an array of documents. */
  readonly facts: FactSheet
  /** The last object of interest that was opened directly below the document. */
  parent: PathNode | undefined
  private readonly root: PathNode
  private readonly element: (facts: FactSheet) => void
  private readonly texts = new Texts()
  private haystack = NOTHING
  private end = 0

  /** @param element gets the facts of each element of a document that is an array, which are valid only during the call. */
  constructor({ root, slots }: Paths, element: (facts: FactSheet) => void) {
    this.root = root
    this.facts = new FactSheet(slots)
    this.element = element
  }

  /** Reads the document at `from`, which is not white space. */
  document(haystack: Haystack, from: number, end: number): number {
    this.begin(haystack, end)
    const first = haystack.bytes[from]
    if (first === OPEN_OBJECT) return this.members(this.root, from + 1)
    return first === OPEN_ARRAY ? this.list(from + 1) : ~from
  }

  /** Reads the rest of a document from the position of a name in its root object, or in the root's member `parent`. */
  rest(haystack: Haystack, from: number, end: number, parent?: PathNode): number {
    this.begin(haystack, end)
    if (parent === undefined) return this.members(this.root, from)
    const after = this.members(parent, from)
    if (after < 0) return after
    const at = this.space(after)
    if (at === end) return ~end
    if (this.haystack.bytes[at] === CLOSE_OBJECT) return at + 1
    return this.haystack.bytes[at] === COMMA ? this.members(this.root, at + 1) : ~at
  }

  private begin(haystack: Haystack, end: number): void {
    this.haystack = haystack
    this.end = end
    this.facts.clear()
    this.parent = undefined
  }

  /** Reads at a position where a name or the end of an object is expected. */
  private members(node: PathNode, from: number): number {
    const { haystack, end } = this
    const { bytes } = haystack
    let at = from
    for (;;) {
      while (at < end && KIND[bytes[at] as number] === SPACE) at++
      if (at >= end) return ~end
      if (bytes[at] === CLOSE_OBJECT) return at + 1
      if (bytes[at] !== QUOTE) return ~at
      const nameEnd = stringEnd(haystack, at + 1, end)
      if (nameEnd < 0) return nameEnd
      const member = memberOf(node, bytes, at + 1, nameEnd)
      at = nameEnd + 1
      if (bytes[at] !== COLON || at >= end) {
        at = this.space(at)
        if (at === end || bytes[at] !== COLON) return ~at
      }
      at = this.value(member, at + 1, node === this.root)
      if (at < 0) return at
      if (bytes[at] !== COMMA || at >= end) {
        at = this.space(at)
        if (at === end) return ~end
        if (bytes[at] === CLOSE_OBJECT) return at + 1
        if (bytes[at] !== COMMA) return ~at
      }
      at++
    }
  }

  /** The elements of a document that is an array: those that are objects are documents of their own. */
  private list(from: number): number {
    let at = this.space(from)
    for (;;) {
      const { bytes } = this.haystack
      if (bytes[at] === CLOSE_ARRAY && at < this.end) return at + 1
      const isDocument = bytes[at] === OPEN_OBJECT && at < this.end
      at = isDocument ? this.members(this.root, at + 1) : this.value(undefined, at, false)
      if (at < 0) return at
      if (isDocument) {
        this.element(this.facts)
        this.facts.clear()
      }
      at = this.next(at)
      if (at < 0) return at
    }
  }

  /** The elements of an array of interest. */
  private elements(node: PathNode, from: number): number {
    let at = this.space(from)
    for (;;) {
      if (this.haystack.bytes[at] === CLOSE_ARRAY && at < this.end) return at + 1
      at = this.value(node, at, false)
      if (at >= 0) at = this.next(at)
      if (at < 0) return at
    }
  }

  /** After an element: where the next one starts, or its array's end. */
  private next(from: number): number {
    const at = this.space(from)
    if (at === this.end) return ~at
    const byte = this.haystack.bytes[at]
    return byte === COMMA ? this.space(at + 1) : byte === CLOSE_ARRAY ? at : ~at
  }

  /** @param top whether the value is a member of the document itself */
  private value(node: PathNode | undefined, from: number, top: boolean): number {
    const { haystack, end } = this
    const { bytes } = haystack
    const at = this.space(from)
    if (at === end) return ~end
    const byte = bytes[at] as number
    const kind = KIND[byte]
    if (kind === WORD) {
      let to = at + 1
      while (to < end && KIND[bytes[to] as number] === WORD) to++
      if (to === end) return ~end
      if (node?.slot !== undefined) this.facts.put(node, literalOf(bytes, at, to))
      return to
    }
    if (kind === STRING) {
      const to = stringEnd(haystack, at + 1, end)
      if (to < 0) return to
      if (node?.slot !== undefined) this.facts.put(node, this.texts.of(bytes, at + 1, to))
      return to + 1
    }
    if (byte === OPEN_OBJECT && node && node.members.size > 0) {
      if (top) this.parent = node
      return this.members(node, at + 1)
    }
    if (byte === OPEN_ARRAY && node?.items) return this.elements(node.items, at + 1)
    return kind === OPEN ? skip(haystack, at, end) : ~at
  }

  private space(from: number): number {
    const { end } = this
    const { bytes } = this.haystack
    let at = from
    while (at < end && KIND[bytes[at] as number] === SPACE) at++
    return at
  }
}

/** The value of a number or literal; undefined for null and for anything else. */
function literalOf(bytes: Uint8Array, from: number, to: number): Fact | undefined {
  return to - from > LITERAL_MAX ? undefined : (integerOf(bytes, from, to) ?? wordOf(bytes, from, to))
}

function integerOf(bytes: Uint8Array, from: number, to: number): number | undefined {
  if (to - from > DIGITS) return undefined
  let value = 0
  for (let at = from; at < to; at++) {
    const digit = (bytes[at] as number) - 0x30
    if (digit < 0 || digit > 9) return undefined
    value = value * 10 + digit
  }
  return value
}

function wordOf(bytes: Uint8Array, from: number, to: number): Fact | undefined {
  const text = String.fromCharCode(...bytes.subarray(from, to))
  if (text === 'null') return undefined
  if (text === 'true' || text === 'false') return text === 'true'
  const value = Number(text)
  return Number.isFinite(value) ? value : undefined
}

/** Converts bytes to strings. The strings that distinguish formats recur in each event, so the first ones are kept. */
class Texts {
  private readonly kept = new Map<number, string>()

  /** The bytes as Latin-1, with escapes left as they are. */
  of(bytes: Buffer, from: number, to: number): string {
    const end = Math.min(to, from + TEXT_MAX)
    const key =
      end - from > 0 ? ((end - from) << 16) | ((bytes[from] as number) << 8) | (bytes[end - 1] as number) : 0
    const known = this.kept.get(key)
    if (known !== undefined && isText(known, bytes, from, end)) return known
    const text = bytes.toString('latin1', from, end)
    if (this.kept.size < KEPT_MAX) this.kept.set(key, text)
    return text
  }
}

function isText(text: string, bytes: Uint8Array, from: number, to: number): boolean {
  if (text.length !== to - from) return false
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) !== bytes[from + at]) return false
  return true
}
