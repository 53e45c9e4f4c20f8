const EMPTY = Buffer.alloc(0)

/** Bytes that wait for the rest of their frame. Appending costs amortised constant time per byte. */
export class Pending {
  private store = EMPTY
  private from = 0
  private to = 0

  /** What is waiting, followed by `bytes`. Not copied when nothing waits. */
  with(bytes: Buffer): Buffer {
    if (this.from === this.to) return bytes
    this.append(bytes)
    return this.store.subarray(this.from, this.to)
  }

  /** What is waiting. */
  get bytes(): Buffer {
    return this.store.subarray(this.from, this.to)
  }

  /** Keeps what remains of the last result of `with`, from `at` on. */
  keep(bytes: Buffer, at: number): void {
    if (this.from !== this.to) {
      this.from += at
      return
    }
    this.from = 0
    this.to = 0
    this.append(bytes.subarray(at))
  }

  clear(): void {
    this.from = 0
    this.to = 0
  }

  private append(bytes: Buffer): void {
    const length = this.to - this.from + bytes.length
    if (this.to + bytes.length > this.store.length) {
      const target = length * 2 > this.store.length ? Buffer.alloc(Math.max(1024, length * 2)) : this.store
      this.store.copy(target, 0, this.from, this.to)
      this.store = target
      this.to -= this.from
      this.from = 0
    }
    bytes.copy(this.store, this.to)
    this.to += bytes.length
  }
}
