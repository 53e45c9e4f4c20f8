/** Longest name or scalar that is looked at, in bytes; none of interest is longer. */
const LIMIT = 256

/** Collects the bytes of a name or scalar that may arrive in pieces. What exceeds the limit is counted, not kept. */
export class Capture {
  /** The bytes taken, of which the first `kept` are there. */
  readonly bytes = Buffer.alloc(LIMIT)
  /** Number of bytes taken. */
  length = 0

  get kept(): number {
    return Math.min(this.length, LIMIT)
  }

  clear(): void {
    this.length = 0
  }

  take(bytes: Uint8Array, from: number, to: number): void {
    const { kept } = this
    const room = Math.min(LIMIT - kept, to - from)
    for (let at = 0; at < room; at++) this.bytes[kept + at] = bytes[from + at] as number
    this.length += to - from
  }
}
