import { OPEN_OBJECT } from '../json/bytes.ts'
import type { Chunk } from '../json/chunk.ts'
import type { JsonDocument } from '../json/document.ts'
import type { Framing } from './framing.ts'
import type { LineReader } from './lines.ts'
import { Lines } from './lines.ts'

const FIELD = Buffer.from('data:')
const FIELDS = /^(data|event|id|retry|):/
const FIELDS_MAX = 8
const SPACE = 0x20
const COMMENT = 0x3a

/** The line is of another field, or a comment. */
const OTHER = -1

/**
 * Server-sent events (HTML standard, 9.2.6): the `data` of an event is one JSON document. Other fields are not
 * needed, since all APIs repeat the event's type in the document. Tolerated, because providers send it: any or no
 * Content-Type, no blank line between two documents, no blank line at the end, no `[DONE]`.
 */
export class Sse implements Framing, LineReader {
  readonly blankEnds = true
  private readonly document: JsonDocument
  private readonly lines: Lines
  /** Bytes of `data:` seen on this line. */
  private matched = 0
  private inData = false
  private length = 0
  /** The body starts with a field or a comment. Other text is read too, but no line of it is taken for a cut one. */
  private isStream: boolean | undefined
  /** The line's beginning was cut out: whatever it is, it ends with the line. */
  private torn = false

  constructor(document: JsonDocument) {
    this.document = document
    this.lines = new Lines(this, document.markers)
  }

  get idle(): boolean {
    return !this.document.open
  }

  feed(chunk: Chunk): void {
    this.isStream ??= FIELDS.test(chunk.bytes.toString('latin1', 0, FIELDS_MAX))
    this.lines.feed(chunk, 0)
  }

  piece(chunk: Chunk, from: number, end: number): void {
    const { bytes } = chunk
    let at = from
    this.length += end - from
    while (at < end && !this.inData && this.matched !== OTHER) {
      if (this.matched === FIELD.length) {
        this.inData = true
        this.document.newline()
        if (!this.document.open) this.document.end()
        if (bytes[at] === SPACE) at++
      } else if (bytes[at] === FIELD[this.matched]) {
        this.matched++
        at++
      } else this.other(bytes[at])
    }
    if (this.inData && at < end) this.data(chunk, at, end)
  }

  endLine(): void {
    if (this.length === 0 || this.torn) this.document.end()
    this.torn = false
    this.length = 0
    this.matched = 0
    this.inData = false
  }

  gap(): void {
    this.lines.gap()
    this.tear()
  }

  private tear(): void {
    this.document.end()
    this.document.gap()
    this.inData = true
    this.torn = true
  }

  end(): boolean {
    this.document.end()
    return true
  }

  /**
   * In a stream, a line of another field can hide a seam, after which comes the end of a document. A line that starts as a document
   * is read as one, which costs far less than a search for such an end in each of thousands.
   */
  private other(byte: number | undefined): void {
    if (this.matched === 0 && byte === OPEN_OBJECT && this.isStream && !this.document.open) {
      this.document.end()
      this.inData = true
      this.torn = true
      return
    }
    this.matched = OTHER
    if (byte !== COMMENT && this.isStream && !this.document.open) this.tear()
  }

  private data(chunk: Chunk, from: number, end: number): void {
    const at = this.document.feed(chunk, from, end)
    if (at === end) return
    this.document.refuseEnd()
    this.document.feed(chunk, at, end)
  }
}
