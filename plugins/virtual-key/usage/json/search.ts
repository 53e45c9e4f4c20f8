import {
  BACKSLASH,
  CLOSE,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  ILLEGAL,
  KIND,
  LF,
  OPEN,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  STRING,
} from './bytes.ts'

/** After this many bytes without an event a native search is faster than a loop over bytes; measured, not critical. */
const SHORT = 64

/** The same after an escape, because the next escape is often near. */
const SHORT_ESCAPED = 8

const STRUCTURE = [QUOTE, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT]

const BROKEN_BYTE = 0xff

/** `KIND` with 0 for all bytes that can be skipped, so that the loop needs one comparison for each byte. */
const EVENT = KIND.map((kind) => (kind >= OPEN ? kind : kind === ILLEGAL ? BROKEN_BYTE : 0))

/** Not 0 where a plain run of a string's bytes ends. */
const ENDS = KIND.map((_, byte) => (byte === QUOTE || byte === BACKSLASH || byte === LF ? 1 : 0))

/**
 * Bytes that are searched for others, with the last result of each search. The search is native (memchr, several GB/s) and passes each byte
 * at most once for each needle, whatever the bytes are.
 */
export class Haystack {
  readonly bytes: Buffer
  /** Whether a line end within a string is an error, as JSON says. If not, it is tolerated, because some servers send it. */
  readonly strict: boolean
  private readonly hops: (Hop | undefined)[] = []

  constructor(bytes: Buffer, strict = false) {
    this.bytes = bytes
    this.strict = strict
  }

  /** Position of the next `byte` at or after `from`; the number of bytes when there is none. */
  next(byte: number, from: number): number {
    const hop = this.hops[byte]
    if (hop) return hop.next(from)
    const created = new Hop(this.bytes, byte)
    this.hops[byte] = created
    return created.next(from)
  }

  /** The nearest of several bytes; the number of bytes when there is none. */
  nearest(needles: readonly number[], from: number): number {
    let nearest = this.bytes.length
    for (const needle of needles) nearest = Math.min(nearest, this.next(needle, from))
    return nearest
  }
}

/** Finds the next position of one byte or text. */
export class Hop {
  private readonly bytes: Buffer
  private readonly needle: number | Buffer
  private searchedFrom = 0
  private found = -1

  constructor(bytes: Buffer, needle: number | Buffer) {
    this.bytes = bytes
    this.needle = needle
  }

  next(from: number): number {
    if (from > this.found || from < this.searchedFrom) {
      const found = this.bytes.indexOf(this.needle, from)
      this.found = found < 0 ? this.bytes.length : found
      this.searchedFrom = from
    }
    return this.found
  }
}

/**
 * Position of the quote that ends the string whose first byte is at `from`.
 * @returns a negative position ~p where the bytes stop being JSON at p; p = end: the rest is missing
 */
export function stringEnd(haystack: Haystack, from: number, end: number): number {
  const { bytes } = haystack
  const near = from + SHORT < end ? from + SHORT : end
  let at = from
  while (at < near && ENDS[bytes[at] as number] === 0) at++
  return at < near && bytes[at] === QUOTE ? at : longStringEnd(haystack, at, end)
}

/** Bytes near an escape are checked one by one, those further on by a native search. */
function longStringEnd(haystack: Haystack, from: number, end: number): number {
  const { bytes, strict } = haystack
  let at = from
  while (at < end) {
    const near = at + SHORT_ESCAPED < end ? at + SHORT_ESCAPED : end
    while (at < near) {
      const byte = bytes[at] as number
      if (ENDS[byte] === 0) at++
      else if (byte === BACKSLASH) at += 2
      else if (byte === QUOTE) return at
      else if (strict) return ~at
      else at++
    }
    if (at >= end) break
    const quote = Math.min(haystack.next(QUOTE, at), end)
    if (strict) {
      const lineEnd = haystack.next(LF, at)
      if (lineEnd < quote) return ~lineEnd
    }
    at = quote - (escapes(bytes, at, quote) % 2)
  }
  return ~end
}

/**
 * Skips the object, array or string at `from`.
 * @returns the position after it, or ~p as `stringEnd`
 */
export function skip(haystack: Haystack, from: number, end: number): number {
  if (haystack.bytes[from] !== QUOTE) return containerEnd(haystack, from + 1, end)
  const close = stringEnd(haystack, from + 1, end)
  return close < 0 ? close : close + 1
}

/**
 * Counts levels only, so that ten million open brackets need a number and no stack. The kinds of brackets are not compared: the count alone
 * is enough to find the end.
 */
function containerEnd(haystack: Haystack, from: number, end: number): number {
  const { bytes } = haystack
  const events = EVENT
  let depth = 1
  let at = from
  while (at < end) {
    const near = at + SHORT < end ? at + SHORT : end
    let event = 0
    while (at < near && event === 0) event = events[bytes[at++] as number] as number
    if (event === STRING) {
      // Most of the bytes are strings: short ones end here, without a call.
      const close = at + SHORT < end ? at + SHORT : end
      while (at < close && ENDS[bytes[at] as number] === 0) at++
      if (at < close && bytes[at] === QUOTE) {
        at++
        continue
      }
      const quote = longStringEnd(haystack, at, end)
      if (quote < 0) return quote
      at = quote + 1
    } else if (event === OPEN) depth++
    else if (event === CLOSE) {
      if (--depth === 0) return at
    } else if (event !== 0) return ~(at - 1)
    else if (at < end) at = Math.min(haystack.nearest(STRUCTURE, at), end)
  }
  return ~end
}

/** Number of backslashes directly before `to`, at most back to `from`. */
export function escapes(bytes: Uint8Array, from: number, to: number): number {
  let at = to
  while (at > from && bytes[at - 1] === BACKSLASH) at--
  return to - at
}
