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

/** After so many bytes without an event a native search is cheaper than looking at each byte; measured, not critical. */
const SHORT = 64

/** The same after an escape: the next one is often near, or it is far. */
const SHORT_ESCAPED = 8

const STRUCTURE = [QUOTE, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT]

const BROKEN_BYTE = 0xff

/** `KIND` with 0 for all that can be passed over, which makes the loop over it one comparison a byte. */
const EVENT = KIND.map((kind) => (kind >= OPEN ? kind : kind === ILLEGAL ? BROKEN_BYTE : 0))

/** Not 0 where a plain run of a string's bytes ends. */
const ENDS = KIND.map((_, byte) => (byte === QUOTE || byte === BACKSLASH || byte === LF ? 1 : 0))

/**
 * Bytes with memory of where those that matter come next. The search is native (memchr, several GB/s) and every byte is searched at
 * most once for each needle, whatever the bytes are.
 */
export class Haystack {
  readonly bytes: Buffer
  /** A line end breaks a string, as JSON has it. Elsewhere it is tolerated, because some servers send it. */
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

/** Where one byte or text comes next. */
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

/** Bytes are looked at one by one near an escape, and searched natively further on. */
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
 * Passes over the object, array or string at `from`.
 * @returns the position after it, or ~p as `stringEnd`
 */
export function skip(haystack: Haystack, from: number, end: number): number {
  if (haystack.bytes[from] !== QUOTE) return containerEnd(haystack, from + 1, end)
  const close = stringEnd(haystack, from + 1, end)
  return close < 0 ? close : close + 1
}

/**
 * Only counts levels, so that ten million open brackets cost a number and no stack. Brackets are not matched by kind: the count alone
 * finds the end.
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
      // The strings in it are most of what is passed over: short ones end here, without a call.
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

/** Number of backslashes directly before `to`, not looking before `from`. */
export function escapes(bytes: Uint8Array, from: number, to: number): number {
  let at = to
  while (at > from && bytes[at - 1] === BACKSLASH) at--
  return to - at
}
