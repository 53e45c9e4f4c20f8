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
} from './bytes.ts'
import type { Chunk } from './chunk.ts'

/** After so many bytes without an event a native search is cheaper than looking at each byte; measured, not critical. */
const SHORT_STRING = 24
const SHORT_RUN = 64

const STRUCTURE = [QUOTE, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT]

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
  private inString = false
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
    let at = from
    while (at < end && !this.done && !this.broken) {
      if (!this.inString) at = this.container(chunk, at, end)
      if (this.inString) at = this.string(chunk, at, end)
    }
    return at
  }

  /** Up to the next string, or the end of the value. Local copies matter here: they keep the loop in registers. */
  private container(chunk: Chunk, from: number, end: number): number {
    const { bytes } = chunk
    const [kinds, open, close, illegal] = [KIND, OPEN, CLOSE, ILLEGAL]
    let depth = this.depth
    let at = from
    let near = Math.min(at + SHORT_RUN, end)
    while (at < end) {
      if (at >= near) {
        at = Math.min(chunk.nearest(STRUCTURE, at), end)
        if (at === end) break
      }
      const kind = kinds[bytes[at++] as number] as number
      if (kind < open && kind !== illegal) continue
      near = at + SHORT_RUN < end ? at + SHORT_RUN : end
      if (kind === open) depth++
      else if (kind === close && depth > 1) depth--
      else {
        this.done = kind === close
        this.broken = kind === illegal
        this.inString = !this.done && !this.broken
        break
      }
    }
    this.depth = depth
    return at
  }

  /** Up to the end of the string. */
  private string(chunk: Chunk, from: number, end: number): number {
    const { bytes } = chunk
    const [quote, backslash] = [QUOTE, BACKSLASH]
    let at = from
    if (this.escaped && at < end) {
      this.escaped = false
      at++
    }
    for (const near = Math.min(at + SHORT_STRING, end); at < near; at++) {
      const byte = bytes[at]
      if (byte === quote) return this.close(at)
      if (byte === backslash && ++at >= end) {
        this.escaped = true
        return end
      }
    }
    while (at < end) {
      const next = Math.min(chunk.next(quote, at), end)
      const odd = escapes(bytes, at, next) % 2 === 1
      if (next === end) {
        this.escaped = odd
        return end
      }
      if (!odd) return this.close(next)
      at = next + 1
    }
    return at
  }

  private close(quote: number): number {
    this.inString = false
    this.done = this.depth === 0
    return quote + 1
  }
}

/** Number of backslashes directly before `to`, not looking before `from`. */
export function escapes(bytes: Uint8Array, from: number, to: number): number {
  let at = to
  while (at > from && bytes[at - 1] === BACKSLASH) at--
  return to - at
}
