import {
  BACKSLASH,
  CLOSE,
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
import { Capture } from './capture.ts'
import type { Chunk } from './chunk.ts'
import type { Fact } from './facts.ts'
import { FactSheet } from './facts.ts'
import { Inside } from './inside.ts'
import { literalOf } from './literal.ts'
import { members } from './members.ts'
import type { PathNode, Paths } from './paths.ts'
import { memberOf } from './paths.ts'
import { Skip } from './skip.ts'
import { Texts } from './texts.ts'

/** What the next byte belongs to. */
const VALUE = 0
const NAME = 1
const IN_NAME = 2
const AFTER_NAME = 3
const IN_SKIP = 4
const IN_WORD = 5
const IN_TEXT = 6
const AFTER_VALUE = 7
const DONE = 8
const BROKEN = 9

/**
 * Reads the scalars of interest out of one JSON document without building the rest of it. The bytes may come in
 * pieces of any size: all state is a few numbers and the open containers of interest.
 */
export class Scan {
  /** Reused for the next document. */
  readonly facts: FactSheet
  /** An opening bracket was read. */
  begun = false
  /** The last object of interest that was opened directly below the document. */
  parent: PathNode | undefined

  private readonly root: PathNode
  private readonly element: (facts: FactSheet) => void
  private readonly capture = new Capture()
  private readonly texts = new Texts()
  private readonly skip = new Skip()
  private readonly inside = new Inside()
  private state = VALUE
  /** What the next value is, where it is of interest. */
  private target: PathNode | undefined
  private escaped = false

  /** `element` receives the facts of each element of a document that is an array; those of an object stay in `facts`. */
  constructor({ root, slots }: Paths, element: (facts: FactSheet) => void) {
    this.root = root
    this.facts = new FactSheet(slots)
    this.element = element
    this.target = root
  }

  /** The document is whole. */
  get done(): boolean {
    return this.state === DONE
  }

  get broken(): boolean {
    return this.state === BROKEN
  }

  /** A document has begun and is neither whole nor broken. */
  get open(): boolean {
    return this.inside.level > 0 && this.state !== BROKEN
  }

  /** Starts anew, before a document, or inside of its root object and of a member of it, where a name is expected. */
  restart(inside: readonly PathNode[] = []): void {
    this.inside.clear()
    this.state = VALUE
    this.target = this.root
    for (const node of inside) this.enter(node, false)
    this.facts.clear()
    this.parent = undefined
    this.begun = inside.length > 0
    this.escaped = false
  }

  /** A line ended inside of the document, which JSON allows between tokens only. */
  newline(): void {
    if (this.state === IN_NAME || this.state === IN_TEXT) this.state = BROKEN
    else if (this.state === IN_SKIP && this.skip.inString) this.state = BROKEN
    else if (this.state === IN_WORD) this.endWord()
  }

  /** Reads up to `end`; returns the position of the first byte that is not part of the document, else `end`. */
  run(chunk: Chunk, from: number, end: number): number {
    const { bytes } = chunk
    let at = from
    while (at < end) {
      if (this.state === IN_SKIP) at = this.skipped(chunk, at, end)
      else if (this.state === IN_NAME || this.state === IN_TEXT) at = this.string(bytes, at, end)
      else if (this.state === IN_WORD) at = this.word(bytes, at, end)
      else {
        const byte = bytes[at] as number
        if (KIND[byte] === SPACE) at++
        else if (this.state >= DONE) return at
        else if (this.state === NAME && byte === QUOTE) at = this.name(bytes, at, end)
        else {
          this.structure(byte)
          if (this.state !== IN_WORD) at++
        }
      }
    }
    return at
  }

  private skipped(chunk: Chunk, from: number, end: number): number {
    const at = this.skip.run(chunk, from, end)
    if (this.skip.done) this.state = AFTER_VALUE
    else if (this.skip.broken) this.state = BROKEN
    return at
  }

  private string(bytes: Buffer, from: number, end: number): number {
    let { escaped } = this
    let at = from
    for (; at < end; at++) {
      const byte = bytes[at]
      if (escaped) escaped = false
      else if (byte === QUOTE) break
      else escaped = byte === BACKSLASH
    }
    this.escaped = escaped
    const { capture } = this
    capture.take(bytes, from, at)
    if (at === end) return end
    if (this.state === IN_TEXT) this.keep(this.texts.of(capture.bytes, 0, capture.kept))
    else this.named(capture.bytes, 0, capture.kept)
    return at + 1
  }

  /** At the quote of a name. The fast ways are for members and names that are whole, which is almost every one. */
  private name(bytes: Buffer, from: number, end: number): number {
    const start = this.members(bytes, from, end)
    if (start > from) return start
    let at = from + 1
    while (at < end && bytes[at] !== QUOTE && bytes[at] !== BACKSLASH) at++
    if (at < end && bytes[at] === QUOTE) {
      this.named(bytes, from + 1, at)
      return at + 1
    }
    this.beginString(IN_NAME)
    return from + 1
  }

  private members(bytes: Buffer, from: number, end: number): number {
    const { node } = this.inside
    return node ? members(bytes, from, end, node, this.facts, this.texts) : from
  }

  private named(bytes: Uint8Array, from: number, to: number): void {
    const { node } = this.inside
    this.target = node && memberOf(node, bytes, from, to)
    this.state = AFTER_NAME
  }

  private word(bytes: Buffer, from: number, end: number): number {
    let at = from
    while (at < end && KIND[bytes[at] as number] === WORD) at++
    if (this.target?.slot !== undefined) this.capture.take(bytes, from, at)
    if (at < end) this.endWord()
    return at
  }

  private endWord(): void {
    const { bytes, length } = this.capture
    this.keep(this.target?.slot === undefined ? undefined : literalOf(bytes, 0, length))
  }

  private structure(byte: number): void {
    if (this.state === AFTER_NAME) this.state = byte === COLON ? VALUE : BROKEN
    else if (KIND[byte] === CLOSE) this.close(byte)
    else if (this.state === AFTER_VALUE) {
      const { isArray, node } = this.inside
      this.state = byte !== COMMA ? BROKEN : isArray ? VALUE : NAME
      if (isArray) this.target = node
    } else if (this.state === VALUE) this.value(byte)
    else this.state = BROKEN
  }

  private value(byte: number): void {
    const { target } = this
    const isRoot = this.inside.level === 0
    const kind = KIND[byte]
    if (byte === OPEN_OBJECT && target && target.members.size > 0) {
      if (this.inside.level === 1 && !this.inside.isArray) this.parent = target
      this.enter(target, false)
    } else if (byte === OPEN_ARRAY && (isRoot || target?.items)) this.enter(target?.items ?? this.root, true)
    else if (isRoot) this.state = BROKEN
    else if (kind === STRING && target?.slot !== undefined) this.beginString(IN_TEXT)
    else if (kind === OPEN || kind === STRING) {
      this.skip.begin(byte)
      this.state = IN_SKIP
    } else if (kind === WORD) {
      this.capture.clear()
      this.state = IN_WORD
    } else this.state = BROKEN
  }

  private enter(node: PathNode, isArray: boolean): void {
    this.inside.enter(node, isArray)
    this.begun = true
    this.target = node
    this.state = isArray ? VALUE : NAME
  }

  private close(byte: number): void {
    const { inside } = this
    if (byte !== (inside.isArray ? CLOSE_ARRAY : CLOSE_OBJECT) || inside.level === 0) {
      this.state = BROKEN
      return
    }
    inside.leave()
    this.state = inside.level > 0 ? AFTER_VALUE : DONE
    if (byte === CLOSE_OBJECT && inside.inList && inside.node === this.root) {
      this.element(this.facts)
      this.facts.clear()
    }
  }

  private beginString(state: number): void {
    this.capture.clear()
    this.escaped = false
    this.state = state
  }

  private keep(value: Fact | undefined): void {
    this.state = AFTER_VALUE
    if (this.target) this.facts.put(this.target, value)
  }
}
