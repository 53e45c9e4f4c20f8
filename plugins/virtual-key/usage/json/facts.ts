import type { PathNode } from './paths.ts'

/** A scalar in a document. `null` is left out, because it means "not reported". */
export type Fact = number | string | boolean

/** The scalars of one JSON document: path → value. Strings are cut at 256 bytes, because they only serve to distinguish formats. */
export interface Facts {
  get(path: string): Fact | undefined
}

/** The facts of one document after the other, stored by a number for each path, because this runs for each event. */
export class FactSheet implements Facts {
  private readonly slots: ReadonlyMap<string, number>
  private values: (Fact | undefined)[]
  /** The slots that have a value, in the order of the document; only the first `count` are valid. */
  private order: number[] = []
  private count = 0

  /** `slots`: path → its number, counted from 0. */
  constructor(slots: ReadonlyMap<string, number>) {
    this.slots = slots
    this.values = new Array(slots.size).fill(undefined)
  }

  get(path: string): Fact | undefined {
    return this.values[this.slots.get(path) ?? -1]
  }

  /** The bits of all paths with a value, combined. @param bits by the paths' numbers */
  bitsOf(bits: readonly number[]): number {
    let all = 0
    for (let at = 0; at < this.count; at++) all |= bits[this.order[at] as number] ?? 0
    return all
  }

  clear(): void {
    for (let at = 0; at < this.count; at++) this.values[this.order[at] as number] = undefined
    this.count = 0
  }

  /** Adds the scalar at `node`; undefined means not reported. The last one counts; below an array, the sum. */
  put(node: PathNode, value: Fact | undefined): void {
    const { slot } = node
    if (slot === undefined || value === undefined) return
    const sofar = this.values[slot]
    if (node.summed && (typeof value !== 'number' || !(value >= 0))) return
    if (sofar === undefined) this.order[this.count++] = slot
    this.values[slot] = node.summed && typeof sofar === 'number' ? sofar + (value as number) : value
  }

  /** Adds all facts of another document, which replace those of the same path. */
  merge(other: FactSheet): void {
    for (let at = 0; at < other.count; at++) {
      const slot = other.order[at] as number
      if (this.values[slot] === undefined) this.order[this.count++] = slot
      this.values[slot] = other.values[slot]
    }
  }

  /** Replaces these facts by those of another document. */
  become({ values, order, count }: FactSheet): void {
    this.clear()
    for (let at = 0; at < count; at++) {
      const slot = order[at] as number
      this.order[at] = slot
      this.values[slot] = values[slot]
    }
    this.count = count
  }

  /** Some fact is a number. */
  get hasNumbers(): boolean {
    return this.order.slice(0, this.count).some((slot) => typeof this.values[slot] === 'number')
  }

  /**
   * Whether these facts differ from the others at most in the size of counts: the same paths in the same order, each with the same value or
   * with a count above 0 in both. Then both documents have the same format and report the same counts.
   */
  isLike(other: FactSheet): boolean {
    const { count, order, values } = this
    if (count !== other.count) return false
    for (let at = 0; at < count; at++) {
      const slot = order[at] as number
      if (slot !== other.order[at]) return false
      const value = values[slot]
      const before = other.values[slot]
      if (value !== before && !(isCount(value) && isCount(before))) return false
    }
    return true
  }
}

function isCount(value: Fact | undefined): boolean {
  return typeof value === 'number' && value >= 1 && value <= Number.MAX_SAFE_INTEGER
}
