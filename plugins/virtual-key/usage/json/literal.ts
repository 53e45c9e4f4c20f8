import type { Fact } from './facts.ts'

/** Integers of so many digits are safe, and need no parser. */
const DIGITS = 15

/** Longest literal that is looked at, in bytes; no count is longer. */
export const LITERAL_MAX = 256

/** The value of a number or literal; undefined for null and for what is neither. */
export function literalOf(bytes: Uint8Array, from: number, to: number): Fact | undefined {
  return to - from > LITERAL_MAX ? undefined : (integerOf(bytes, from, to) ?? wordOf(bytes, from, to))
}

function integerOf(bytes: Uint8Array, from: number, to: number): number | undefined {
  if (to - from > DIGITS) return undefined
  let value = 0
  for (let at = from; at < to; at++) {
    const digit = (bytes[at] as number) - 0x30
    if (digit < 0 || digit > 9) return undefined
    value = value * 10 + digit
  }
  return value
}

function wordOf(bytes: Uint8Array, from: number, to: number): Fact | undefined {
  const text = String.fromCharCode(...bytes.subarray(from, to))
  if (text === 'null') return undefined
  if (text === 'true' || text === 'false') return text === 'true'
  const value = Number(text)
  return Number.isFinite(value) ? value : undefined
}
