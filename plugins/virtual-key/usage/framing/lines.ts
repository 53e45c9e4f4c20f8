import { afterSpace, CR, KIND, LF, OPEN } from '../json/bytes.ts'
import type { Documents } from '../json/documents.ts'
import { Haystack, Hop } from '../json/search.ts'

const DATA = Buffer.from('data:')

/**
 * Markers nearer than this are reached by reading the lines before them, which costs less than a search. Where one follows the other
 * (usage in each event), more and more is read without a search, up to the second figure. In bytes.
 */
const NEAR = 256
const STRIDE_MAX = 16 * 1024

/** After so many bytes a native search for a line's end is cheaper than looking at each byte. */
const SHORT_LINE = 32

/** Longest document that stays whole when unmarked lines are left out, in lines. */
const DOCUMENT_LINES = 1024

/**
 * A body with a JSON document on each line: newline-delimited JSON (application/x-ndjson, stream+json, x-jsonl), or server-sent events
 * (HTML standard, 9.2.6), whose lines of data may hold a document together. Other fields of an event are not needed, since all APIs
 * repeat its type in the document. Tolerated, because providers send it: no blank line between two documents or at the end, no
 * `[DONE]`, a line without `data:`. Stretches of lines that hold no marker are left out unread.
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

  /** @param torn the beginning of the first line is missing */
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

  /** Reads the line at `from`, or the lines that hold a document together; returns the position after them. */
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

  /** Reads the lines of data from `from` on, whose first document is in more than one of them. */
  private joined(from: number): number {
    const joined = Buffer.alloc(this.dataEnd(from) - from)
    let length = 0
    let at = from
    while (this.isData(at)) {
      const end = this.lineEnd(at)
      length += this.bytes.copy(joined, length, at + DATA.length, end)
      // Where the body ends in a number, its other digits may be missing.
      if (end < this.bytes.length) joined[length++] = LF
      at = this.after(end)
    }
    this.eachJoined(new Haystack(joined.subarray(0, length), true))
    return at
  }

  /** Each document starts on a line; one that breaks ends where its line does. */
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

  /** Position after the lines of data that start at `from`, with room for the end of the last one. */
  private dataEnd(from: number): number {
    let at = from
    while (this.isData(at)) at = this.after(this.lineEnd(at))
    return at
  }

  /** Where the document may start that the line of `marked` belongs to; not before `from`. */
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
    // Where both ends occur, reading starts at a line further back, which costs little.
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
