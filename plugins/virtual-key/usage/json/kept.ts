/**
 * How much of a document's end is kept for reading it from behind, in bytes. A body whose middle was cut out has at
 * most this much after the cut.
 */
export const KEPT = 256 * 1024

const EMPTY = Buffer.alloc(0)

/** The last bytes of a document that arrives in pieces. A single piece is not copied, so it must stay as it is. */
export class Kept {
  private whole: Buffer | undefined
  private store = EMPTY
  private length = 0

  clear(): void {
    this.whole = undefined
    this.length = 0
  }

  add(bytes: Buffer): void {
    if (this.whole === undefined && this.length === 0) {
      this.whole = bytes
      return
    }
    if (this.whole) this.append(this.whole)
    this.whole = undefined
    this.append(bytes)
  }

  last(): Buffer {
    const bytes = this.whole ?? this.store.subarray(0, this.length)
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
