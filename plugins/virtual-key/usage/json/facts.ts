import type { PathNode } from './paths.ts'

/** A scalar found in a document. `null` is not kept: it means "not reported". */
export type Fact = number | string | boolean

/** What was found in one JSON document: path → scalar. Strings are cut at 256 bytes: they only tell formats apart. */
export interface Facts {
  get(path: string): Fact | undefined
}

/** Facts that are collected in one document after the other. Held by a number for each path, since this runs per event. */
export class FactSheet implements Facts {
  private readonly slots: ReadonlyMap<string, number>
  private values: (Fact | undefined)[]
  /** The slots that have a value, in the order of the document, of which there are `count`. */
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

  /** All bits of the paths of what was found. @param bits by the paths' numbers */
  bitsOf(bits: readonly number[]): number {
    let all = 0
    for (let at = 0; at < this.count; at++) all |= bits[this.order[at] as number] ?? 0
    return all
  }

  clear(): void {
    for (let at = 0; at < this.count; at++) this.values[this.order[at] as number] = undefined
    this.count = 0
  }

  /** Takes the scalar that stands at `node`; undefined is not reported. The last one counts, or the sum below an array. */
  put(node: PathNode, value: Fact | undefined): void {
    const { slot } = node
    if (slot === undefined || value === undefined) return
    const sofar = this.values[slot]
    if (node.summed && (typeof value !== 'number' || !(value >= 0))) return
    if (sofar === undefined) this.order[this.count++] = slot
    this.values[slot] = node.summed && typeof sofar === 'number' ? sofar + (value as number) : value
  }

  /** Puts all facts of another document over these. */
  merge(other: FactSheet): void {
    for (let at = 0; at < other.count; at++) {
      const slot = other.order[at] as number
      if (this.values[slot] === undefined) this.order[this.count++] = slot
      this.values[slot] = other.values[slot]
    }
  }

  /** Takes over all facts of another document in place of these. */
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
   * Whether these facts and the other ones differ in nothing but the size of counts: the same paths in the same order,
   * and at each the same value or, both times, a count above 0. What can be said of the one can be said of the other.
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
