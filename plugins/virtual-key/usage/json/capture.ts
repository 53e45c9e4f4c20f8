import type { Fact } from './paths.ts'
import { hash } from './paths.ts'

/** Longest name or scalar that is looked at, in bytes; none of interest is longer. */
const LIMIT = 256

/** Integers of so many digits are safe, and need no parser. */
const DIGITS = 15

/** Texts kept for the next time, by their hash. */
const TEXTS_MAX = 16

/** Collects the bytes of a name or scalar that may arrive in pieces. What exceeds the limit is counted, not kept. */
export class Capture {
  private readonly bytes = Buffer.alloc(LIMIT)
  private readonly texts = new Map<number, string>()
  private length = 0
  /** `hash` of all bytes taken. */
  key = 0

  clear(): void {
    this.length = 0
    this.key = 0
  }

  take(bytes: Uint8Array, from: number, to: number): void {
    const kept = this.bytes
    let { key, length } = this
    for (let at = from; at < to; at++) {
      const byte = bytes[at] as number
      if (length < LIMIT) kept[length] = byte
      length++
      key = hash(key, byte)
    }
    this.key = key
    this.length = length
  }

  /** The bytes taken, up to the limit. */
  view(): Buffer {
    return this.bytes.subarray(0, Math.min(this.length, LIMIT))
  }

  /** The bytes as text. Texts that tell formats apart recur in each event, so the last ones are kept. */
  text(): string {
    const known = this.texts.get(this.key)
    if (known !== undefined && this.isText(known)) return known
    const text = this.view().toString('latin1')
    if (this.texts.size < TEXTS_MAX) this.texts.set(this.key, text)
    return text
  }

  private isText(text: string): boolean {
    if (text.length !== this.length) return false
    for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) !== this.bytes[at]) return false
    return true
  }

  /** The value of a number or literal; undefined for null and for what is neither. */
  literal(): Fact | undefined {
    const integer = this.integer()
    if (integer !== undefined) return integer
    const text = this.text()
    if (text === 'true' || text === 'false') return text === 'true'
    const value = this.length > LIMIT ? Number.NaN : Number(text)
    return Number.isFinite(value) ? value : undefined
  }

  private integer(): number | undefined {
    if (this.length > DIGITS) return undefined
    let value = 0
    for (let at = 0; at < this.length; at++) {
      const digit = (this.bytes[at] as number) - 0x30
      if (digit < 0 || digit > 9) return undefined
      value = value * 10 + digit
    }
    return value
  }
}
