import { afterSpace, CR, KIND, LF, OPEN } from '../json/bytes.ts'
import type { Documents } from '../json/documents.ts'
import { Haystack, Hop } from '../json/search.ts'

const DATA = Buffer.from('data:')

/**
 * If the next marker is nearer than this, the lines before it are read, which costs less than a search. If markers follow each other
 * closely (usage in each event), longer and longer stretches are read without a search, up to the second number. Unit: bytes.
 */
const NEAR = 256
const STRIDE_MAX = 16 * 1024

/** After this many bytes a native search for a line's end is faster than a loop over bytes. */
const SHORT_LINE = 32

/** Longest document, in lines, that is still read whole when lines without a marker are skipped. */
const DOCUMENT_LINES = 1024

/**
 * A body with a JSON document on each line: newline-delimited JSON (application/x-ndjson, stream+json, x-jsonl), or server-sent events
 * (HTML standard, 9.2.6), in which several lines of data can form one document. Other fields of an event are not needed, because all APIs
 * repeat its type in the document. Tolerated, because providers send it: no blank line between two documents or at the end, no
 * `[DONE]`, a line without `data:`. Stretches of lines without a marker are skipped.
 */
export class Lines {
  private readonly documents: Documents
  private readonly haystack: Haystack
  private readonly bytes: Buffer
  private readonly markers: readonly Hop[]

  constructor(documents: Documents, bytes: Buffer) {
    this.documents = documents
    this.haystack = new Haystack(bytes)
    this.bytes = bytes
    this.markers = documents.markers.map((marker) => new Hop(bytes, marker))
  }

  /** @param torn whether the beginning of the first line is missing */
  read(from: number, torn = false): void {
    const { length } = this.bytes
    let at = torn ? this.torn(from) : from
    let readTo = at
    let stride = NEAR
    while (at < length) {
      if (at >= readTo) {
        const marked = this.marked(at)
        const far = marked - at > stride
        stride = far ? NEAR : Math.min(2 * stride, STRIDE_MAX)
        readTo = far ? marked : at + stride
        if (far) at = this.documentStart(at, marked)
      }
      at = this.line(at)
    }
  }

  private marked(from: number): number {
    let nearest = this.bytes.length
    for (const marker of this.markers) nearest = Math.min(nearest, marker.next(from))
    return nearest
  }

  private torn(from: number): number {
    const end = this.lineEnd(from)
    this.documents.tail(this.bytes.subarray(from, end))
    return this.after(end)
  }

  /** Reads the line at `from`, or the lines that form one document. @returns the position after them */
  private line(from: number): number {
    const { bytes, documents } = this
    const end = this.lineEnd(from)
    const isData = this.isData(from)
    const start = afterSpace(bytes, isData ? from + DATA.length : from, end)
    const next = this.after(end)
    if (start === end || KIND[bytes[start] as number] !== OPEN) return next
    const to = documents.read(this.haystack, start, end)
    if (~to === end && isData && this.isData(next)) return this.joined(from)
    documents.end(isRead(bytes, to, end) ? undefined : bytes.subarray(start, end))
    return next
  }

  /** Reads the lines of data at `from`, of which several form the first document. */
  private joined(from: number): number {
    const joined = Buffer.alloc(this.dataEnd(from) - from)
    let length = 0
    let at = from
    while (this.isData(at)) {
      const end = this.lineEnd(at)
      length += this.bytes.copy(joined, length, at + DATA.length, end)
      // If the body ends in a number, further digits may be missing.
      if (end < this.bytes.length) joined[length++] = LF
      at = this.after(end)
    }
    this.eachJoined(new Haystack(joined.subarray(0, length), true))
    return at
  }

  /** Each document starts on a line of its own; a broken one ends with its line. */
  private eachJoined(haystack: Haystack): void {
    const { bytes } = haystack
    let from = 0
    while (from < bytes.length) {
      const start = afterSpace(bytes, from)
      if (start < bytes.length && KIND[bytes[start] as number] === OPEN) {
        const to = this.documents.read(haystack, start, bytes.length)
        const end = haystack.next(LF, to < 0 ? ~to : to)
        this.documents.end(isRead(bytes, to, end) ? undefined : bytes.subarray(start, end))
        from = end + 1
      } else from = haystack.next(LF, start) + 1
    }
  }

  private isData(at: number): boolean {
    const { bytes } = this
    for (let index = 0; index < DATA.length; index++) if (bytes[at + index] !== DATA[index]) return false
    return true
  }

  /** Position after the lines of data that start at `from`, including the end of the last line. */
  private dataEnd(from: number): number {
    let at = from
    while (this.isData(at)) at = this.after(this.lineEnd(at))
    return at
  }

  /** The earliest possible start of the document to which the line of `marked` belongs; not before `from`. */
  private documentStart(from: number, marked: number): number {
    let start = this.lineStart(from, marked)
    for (let lines = 0; start > from && this.isData(start) && lines < DOCUMENT_LINES; lines++) {
      const isCrLf = this.bytes[start - 1] === LF && this.bytes[start - 2] === CR
      const before = this.lineStart(from, start - (isCrLf ? 2 : 1))
      if (!this.isData(before)) break
      start = before
    }
    return start
  }

  private lineStart(from: number, to: number): number {
    const before = this.bytes.subarray(from, to)
    // If both kinds of line ends occur, reading starts a line further back, which costs little.
    const end = before.lastIndexOf(LF)
    return from + (end < 0 ? before.lastIndexOf(CR) : end) + 1
  }

  private lineEnd(from: number): number {
    const { bytes } = this
    const near = Math.min(from + SHORT_LINE, bytes.length)
    for (let at = from; at < near; at++) {
      if (bytes[at] === LF || bytes[at] === CR) return at
    }
    return Math.min(this.haystack.next(LF, near), this.haystack.next(CR, near))
  }

  /** Where the next line starts. */
  private after(lineEnd: number): number {
    return this.bytes[lineEnd] === CR && this.bytes[lineEnd + 1] === LF ? lineEnd + 2 : lineEnd + 1
  }
}

/** Whether a document that was read up to `to` is whole, and nothing follows it. */
function isRead(bytes: Buffer, to: number, end: number): boolean {
  return to >= 0 && afterSpace(bytes, to, end) === end
}
