import type { Chunk } from '../json/chunk.ts'
import { Hop } from '../json/chunk.ts'

const LF = 0x0a
const CR = 0x0d

/**
 * Markers nearer than this are reached by reading the lines before them, which costs less than a search. Where one
 * follows the other (usage in each event), more and more is read without a search, up to the second figure. In bytes.
 */
const NEAR = 256
const STRIDE_MAX = 16 * 1024

/** After so many bytes a native search is cheaper than looking at each byte. */
const SHORT_LINE = 32

/** Longest event that stays whole when unmarked lines are left out, in lines. */
const EVENT_LINES = 1024

/** What receives the lines. */
export interface LineReader {
  /** Lines up to the next blank one belong together. */
  readonly blankEnds: boolean
  /** Lines may be left out before the next one, as far as they hold no marker. */
  readonly idle: boolean
  /** A piece of the current line, without its end; a line may come in several pieces. */
  piece(chunk: Chunk, from: number, end: number): void
  /** The current line ended. */
  endLine(): void
}

/** Cuts a body at LF, CRLF or CR, in pieces of any size, and leaves out stretches of lines without a marker. */
export class Lines {
  private readonly reader: LineReader
  private readonly markers: readonly Buffer[]
  private atStart = true
  private afterCr = false

  /** `markers`: lines that hold none of them need not be read. */
  constructor(reader: LineReader, markers: readonly Buffer[]) {
    this.reader = reader
    this.markers = markers
  }

  feed(chunk: Chunk, from: number): void {
    const { bytes } = chunk
    const markers = this.markers.map((marker) => new Hop(bytes, marker))
    let at = from
    let readTo = from
    let stride = NEAR
    while (at < bytes.length) {
      if (this.afterCr && bytes[at] === LF) at++
      this.afterCr = false
      if (at >= readTo && this.atStart && this.reader.idle) {
        const marked = nearest(markers, at)
        const far = marked - at > stride
        stride = far ? NEAR : Math.min(2 * stride, STRIDE_MAX)
        readTo = far ? marked : at + stride
        if (far) at = lineBefore(bytes, at, marked, this.reader.blankEnds)
      }
      const end = lineEnd(chunk, at)
      if (end > at) this.reader.piece(chunk, at, end)
      this.atStart = end < bytes.length
      if (this.atStart) {
        this.reader.endLine()
        this.afterCr = bytes[end] === CR
      } else if (end === at) this.atStart = true
      at = end + 1
    }
  }

  /** The line that was being read lost its end, and the one that follows its beginning. */
  gap(): void {
    this.atStart = false
    this.afterCr = false
  }
}

function lineEnd(chunk: Chunk, from: number): number {
  const { bytes } = chunk
  const near = Math.min(from + SHORT_LINE, bytes.length)
  for (let at = from; at < near; at++) {
    if (bytes[at] === LF || bytes[at] === CR) return at
  }
  return Math.min(chunk.next(LF, near), chunk.next(CR, near))
}

function nearest(markers: readonly Hop[], from: number): number {
  let nearest = Number.POSITIVE_INFINITY
  for (const marker of markers) nearest = Math.min(nearest, marker.next(from))
  return nearest
}

/** Where the line that holds `to` starts, or with `blankEnds` the first line of its event; not before `from`. */
function lineBefore(bytes: Buffer, from: number, to: number, blankEnds: boolean): number {
  const skipped = bytes.subarray(from, to)
  let start = skipped.lastIndexOf(LF) + 1
  for (let lines = 0; blankEnds && start > 1 && lines < EVENT_LINES; lines++) {
    const before = skipped.lastIndexOf(LF, start - 2) + 1
    if (start - 1 - before <= 1) break
    start = before
  }
  return from + start
}
