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
const SHORT_STRING = 32
const SHORT_RUN = 64

const STRUCTURE = [QUOTE, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT]

const BROKEN_BYTE = 0xff

/** `KIND` with 0 for all that can be passed over, which makes the loop over it one comparison a byte. */
const EVENT = KIND.map((kind) => (kind >= OPEN ? kind : kind === ILLEGAL ? BROKEN_BYTE : 0))

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
    const { bytes } = chunk
    const events = EVENT
    let { depth } = this
    let at = from
    while (at < end) {
      if (this.inString) {
        at = this.string(chunk, at, end)
        if (this.inString) break
        if (depth === 0) this.done = true
      }
      if (this.done) break
      const near = at + SHORT_RUN < end ? at + SHORT_RUN : end
      let event = 0
      while (at < near && event === 0) event = events[bytes[at++] as number] as number
      if (event === 0) {
        if (at < end) at = Math.min(chunk.nearest(STRUCTURE, at), end)
      } else if (event === STRING) this.inString = true
      else if (event === OPEN) depth++
      else if (event === CLOSE) this.done = --depth === 0
      else {
        this.broken = true
        break
      }
    }
    this.depth = depth
    return at
  }

  /** Up to the end of the string; the two loops are for short and for long ones. */
  private string(chunk: Chunk, from: number, end: number): number {
    const { bytes } = chunk
    let at = from
    if (this.escaped) {
      this.escaped = false
      at++
    }
    const near = at + SHORT_STRING < end ? at + SHORT_STRING : end
    while (at < near) {
      const byte = bytes[at++]
      if (byte === QUOTE) {
        this.inString = false
        return at
      }
      if (byte === BACKSLASH) at++
    }
    if (at > end) {
      this.escaped = true
      return end
    }
    while (at < end) {
      const quote = Math.min(chunk.next(QUOTE, at), end)
      const odd = escapes(bytes, at, quote) % 2 === 1
      if (quote === end) {
        this.escaped = odd
        return end
      }
      at = quote + 1
      if (odd) continue
      this.inString = false
      return at
    }
    return at
  }
}

/** Number of backslashes directly before `to`, not looking before `from`. */
export function escapes(bytes: Uint8Array, from: number, to: number): number {
  let at = to
  while (at > from && bytes[at - 1] === BACKSLASH) at--
  return to - at
}
