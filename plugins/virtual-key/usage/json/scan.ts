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
import type { Fact, Facts, PathNode } from './paths.ts'
import { hash } from './paths.ts'
import { Skip } from './skip.ts'

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
 * pieces of any size: all state is a few numbers and a stack that is never deeper than the paths of interest.
 */
export class Scan {
  private readonly root: PathNode
  private readonly element: (facts: Facts) => void
  private readonly capture = new Capture()
  private readonly skip = new Skip()
  /**
   * The open containers of interest, outermost first, of which there are `level`; `arrays[i]` tells whether `nodes[i]`
   * stands for the elements of an array. Both keep their length, because growing and shrinking costs per document.
   */
  private readonly nodes: PathNode[] = []
  private readonly arrays: boolean[] = []
  private level = 0
  private state = VALUE
  private target: PathNode | undefined
  private escaped = false
  /** Reused for the next document. */
  private readonly found = new Map<string, Fact>()

  /** An opening bracket was read. */
  begun = false

  /** The last object of interest that was opened directly below the document. */
  parent: PathNode | undefined

  /** `element` receives the facts of each element of a document that is an array; those of an object stay in `facts`. */
  constructor(root: PathNode, element: (facts: Facts) => void) {
    this.root = root
    this.element = element
    this.target = root
  }

  get facts(): Facts {
    return this.found
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
    return this.level > 0 && this.state !== BROKEN
  }

  /** Starts anew, before a document, or inside of its root object and of a member of it, where a name is expected. */
  restart(inside: readonly PathNode[] = []): void {
    this.level = 0
    this.state = VALUE
    this.target = this.root
    for (const node of inside) this.push(node, false)
    if (this.found.size > 0) this.found.clear()
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
        else if (this.state === NAME && byte === QUOTE) at = this.name(bytes, at + 1, end)
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
    this.capture.take(bytes, from, at)
    if (at === end) return end
    if (this.state === IN_TEXT) this.keep(this.capture.text())
    else this.named(this.capture.key, this.capture.view())
    return at + 1
  }

  /** The fast way for a name that is whole and has no escapes, which is almost every name. */
  private name(bytes: Buffer, from: number, end: number): number {
    let key = 0
    let at = from
    for (; at < end; at++) {
      const byte = bytes[at] as number
      if (byte === QUOTE || byte === BACKSLASH) break
      key = hash(key, byte)
    }
    if (at < end && bytes[at] === QUOTE) {
      this.named(key, bytes, from, at)
      return at + 1
    }
    this.beginString(IN_NAME)
    return from
  }

  private named(key: number, bytes: Uint8Array, from = 0, to = bytes.length): void {
    const member = this.nodes[this.level - 1]?.members.get(key)
    this.target = member && isSame(member.name, bytes, from, to) ? member : undefined
    this.state = AFTER_NAME
  }

  private word(bytes: Buffer, from: number, end: number): number {
    let at = from
    while (at < end && KIND[bytes[at] as number] === WORD) at++
    if (this.target?.path !== undefined) this.capture.take(bytes, from, at)
    if (at < end) this.endWord()
    return at
  }

  private endWord(): void {
    this.keep(this.target?.path === undefined ? undefined : this.capture.literal())
  }

  private structure(byte: number): void {
    const inArray = this.level > 0 && this.arrays[this.level - 1] === true
    if (this.state === AFTER_NAME) this.state = byte === COLON ? VALUE : BROKEN
    else if (KIND[byte] === CLOSE) this.close(byte, inArray)
    else if (this.state === AFTER_VALUE) {
      this.state = byte !== COMMA ? BROKEN : inArray ? VALUE : NAME
      if (inArray) this.target = this.nodes[this.level - 1]
    } else if (this.state === VALUE) this.value(byte)
    else this.state = BROKEN
  }

  private value(byte: number): void {
    const { target } = this
    const isRoot = this.level === 0
    const kind = KIND[byte]
    if (byte === OPEN_OBJECT && target && target.members.size > 0) {
      if (this.level === 1 && !this.arrays[0]) this.parent = target
      this.push(target, false)
    } else if (byte === OPEN_ARRAY && (isRoot || target?.items)) this.push(target?.items ?? this.root, true)
    else if (isRoot) this.state = BROKEN
    else if (kind === STRING && target?.path) this.beginString(IN_TEXT)
    else if (kind === OPEN || kind === STRING) {
      this.skip.begin(byte)
      this.state = IN_SKIP
    } else if (kind === WORD) {
      this.capture.clear()
      this.state = IN_WORD
    } else this.state = BROKEN
  }

  private push(node: PathNode, array: boolean): void {
    this.nodes[this.level] = node
    this.arrays[this.level++] = array
    this.begun = true
    this.target = node
    this.state = array ? VALUE : NAME
  }

  private close(byte: number, inArray: boolean): void {
    if (byte !== (inArray ? CLOSE_ARRAY : CLOSE_OBJECT) || this.level === 0) {
      this.state = BROKEN
      return
    }
    this.level--
    this.state = this.level > 0 ? AFTER_VALUE : DONE
    if (!inArray && this.level === 1 && this.arrays[0] && this.nodes[0] === this.root) {
      this.element(this.found)
      this.found.clear()
    }
  }

  private beginString(state: number): void {
    this.capture.clear()
    this.escaped = false
    this.state = state
  }

  private keep(value: Fact | undefined): void {
    this.state = AFTER_VALUE
    const path = this.target?.path
    if (path === undefined || value === undefined) return
    if (!this.target?.summed) this.found.set(path, value)
    else if (typeof value === 'number' && value >= 0) {
      const sofar = this.found.get(path)
      this.found.set(path, value + (typeof sofar === 'number' ? sofar : 0))
    }
  }
}

function isSame(name: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (name.length !== to - from) return false
  for (let at = 0; at < name.length; at++) if (name[at] !== bytes[from + at]) return false
  return true
}
