/**
 * How much of a document's end is kept for reading it from behind, in bytes. A body whose middle was cut out has at
 * most this much after the cut.
 */
export const KEPT = 256 * 1024

const EMPTY = Buffer.alloc(0)

/** The last bytes of a document that arrives in pieces. A single piece is not copied, so it must stay as it is. */
export class Kept {
  /** The only piece so far. */
  private single: Buffer | undefined
  private from = 0
  private to = 0
  private store = EMPTY
  private length = 0

  clear(): void {
    this.single = undefined
    this.length = 0
  }

  add(bytes: Buffer, from: number, to: number): void {
    if (this.single) this.append(this.single.subarray(this.from, this.to))
    const first = !this.single && this.length === 0
    this.single = first ? bytes : undefined
    this.from = from
    this.to = to
    if (!first) this.append(bytes.subarray(from, to))
  }

  last(): Buffer {
    const bytes = this.single?.subarray(this.from, this.to) ?? this.store.subarray(0, this.length)
    return bytes.subarray(Math.max(0, bytes.length - KEPT))
  }

  private append(bytes: Buffer): void {
    const piece = bytes.subarray(Math.max(0, bytes.length - KEPT))
    if (this.length + piece.length > 2 * KEPT) {
      this.store.copyWithin(0, this.length - KEPT, this.length)
      this.length = KEPT
    }
    if (this.length + piece.length > this.store.length) {
      const grown = Buffer.alloc(Math.max(1024, 2 * (this.length + piece.length)))
      this.store.copy(grown, 0, 0, this.length)
      this.store = grown
    }
    piece.copy(this.store, this.length)
    this.length += piece.length
  }
}
