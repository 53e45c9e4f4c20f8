import {
  BACKSLASH,
  CLOSE,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  ILLEGAL,
  KIND,
  OPEN,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  STRING,
} from './bytes.ts'
import type { Chunk } from './chunk.ts'

/** After so many bytes without an event a native search is cheaper than looking at each byte; measured, not critical. */
const SHORT = 64

/** The same after a quote that turned out to be escaped: the next one is often near, or it is far. */
const SHORT_ESCAPED = 8

const STRUCTURE = [QUOTE, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT]

const BROKEN_BYTE = 0xff

/** `KIND` with 0 for all that can be passed over, which makes the loop over it one comparison a byte. */
const EVENT = KIND.map((kind) => (kind >= OPEN ? kind : kind === ILLEGAL ? BROKEN_BYTE : 0))

/** Not 0 where a plain run of a string's bytes ends. */
const ENDS = KIND.map((_, byte) => (byte === QUOTE || byte === BACKSLASH ? 1 : 0))

/**
 * Passes over one object, array or string of no interest, in pieces of any size. Only counts levels, so that ten
 * million open brackets cost a number and no stack. Brackets are not matched by kind: the count alone finds the end.
 */
export class Skip {
  /** The value ended; the position that `run` returned is the one after it. */
  done = false
  /** A byte that JSON does not allow outside of strings was met. */
  broken = false
  private depth = 0
  /** The next byte belongs to a string. */
  inString = false
  private escaped = false

  /** Starts at the value's first byte, which the caller has already passed. */
  begin(first: number): void {
    this.done = false
    this.broken = false
    this.escaped = false
    this.inString = first === QUOTE
    this.depth = this.inString ? 0 : 1
  }

  /** Passes over bytes up to `end`; returns the position after the last byte that belongs to the value. */
  run(chunk: Chunk, from: number, end: number): number {
    const at = this.inString ? this.string(chunk, from, end) : from
    if (this.inString) return end
    if (this.depth > 0) return this.nested(chunk, at, end)
    this.done = true
    return at
  }

  /** Outside of strings. The strings in it are most of what is passed over: short ones end here, without a call. */
  private nested(chunk: Chunk, from: number, end: number): number {
    const { bytes } = chunk
    const events = EVENT
    let { depth } = this
    let at = from
    while (at < end) {
      const near = at + SHORT < end ? at + SHORT : end
      let event = 0
      while (at < near && event === 0) event = events[bytes[at++] as number] as number
      if (event === STRING) {
        const close = at + SHORT < end ? at + SHORT : end
        while (at < close && ENDS[bytes[at] as number] === 0) at++
        if (at < close && bytes[at] === QUOTE) {
          at++
          continue
        }
        this.inString = true
        at = this.string(chunk, at, end)
        if (this.inString) break
      } else if (event === OPEN) depth++
      else if (event === CLOSE) {
        if (--depth > 0) continue
        this.done = true
        break
      } else if (event !== 0) {
        this.broken = true
        break
      } else if (at < end) at = Math.min(chunk.nearest(STRUCTURE, at), end)
    }
    this.depth = depth
    return at
  }

  /** Up to the end of the string; bytes are looked at one by one near an escape, and searched natively further on. */
  private string(chunk: Chunk, from: number, end: number): number {
    const { bytes } = chunk
    let at = this.escaped ? from + 1 : from
    this.escaped = false
    while (at < end) {
      const near = at + SHORT_ESCAPED < end ? at + SHORT_ESCAPED : end
      while (at < near) {
        const byte = bytes[at++]
        if (byte === QUOTE) {
          this.inString = false
          return at
        }
        if (byte === BACKSLASH) at++
      }
      if (at >= end) break
      const quote = Math.min(chunk.next(QUOTE, at), end)
      at = quote - (escapes(bytes, at, quote) % 2)
    }
    this.escaped = at > end
    return end
  }
}

/** Number of backslashes directly before `to`, not looking before `from`. */
export function escapes(bytes: Uint8Array, from: number, to: number): number {
  let at = to
  while (at > from && bytes[at - 1] === BACKSLASH) at--
  return to - at
}
