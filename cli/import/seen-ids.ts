import { createHash } from 'node:crypto'

/** Words of one slot: two of the id's hash, one of its line. Line 0 = free. */
const WORDS = 3

/**
 * The ids of a file, and where each was. Twelve bytes a slot and at least half of them free: ten million ids take 400 MB at most, as
 * texts in a Map several times that. Two of them have the same 64 bits about once in 370,000 such files.
 */
export class SeenIds {
  #slots = new Uint32Array(1024 * WORDS)
  #size = 0

  /** @returns the line where the id was before, undefined where it was not */
  add(id: string, line: number): number | undefined {
    const digest = createHash('sha256').update(id).digest()
    const [high, low] = [digest.readUInt32LE(0), digest.readUInt32LE(4)]
    const at = this.#slotOf(high, low)
    const before = this.#slots[at + 2]
    this.#slots.set([high, low, line], at)
    if (before) return before
    this.#size++
    if (this.#size * 2 * WORDS > this.#slots.length) this.#grow()
    return undefined
  }

  /** Where the hash stands, or the free slot where it belongs. */
  #slotOf(high: number, low: number): number {
    const { length } = this.#slots
    let at = (low * WORDS) % length
    while (this.#slots[at + 2] && !(this.#slots[at] === high && this.#slots[at + 1] === low)) {
      at = (at + WORDS) % length
    }
    return at
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Uint32Array(old.length * 2)
    for (let i = 0; i < old.length; i += WORDS) {
      const slot = old.subarray(i, i + WORDS)
      if (slot[2]) this.#slots.set(slot, this.#slotOf(slot[0] ?? 0, slot[1] ?? 0))
    }
  }
}
