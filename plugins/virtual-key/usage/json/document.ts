import type { Chunk } from './chunk.ts'
import type { FactSheet } from './facts.ts'
import { Kept } from './kept.ts'
import type { Paths } from './paths.ts'
import { rescue } from './rescue.ts'
import { Scan } from './scan.ts'
import { tailOf } from './tail.ts'

/**
 * Ends of documents that are read in one body because their middle is missing. A body that was cut has one such document, and each
 * costs a search, so the number bounds the time that a hostile body can take.
 */
const RESCUES_MAX = 64

/**
 * One JSON document of a body (all of it, or one event or line), read forward as it arrives. Where that fails because
 * bytes in its middle are missing, its end is read as well: usage stands near the end of almost all documents.
 */
export class JsonDocument {
  /** Every count that is looked for has one of these texts in its name. */
  readonly markers: readonly Buffer[]
  private readonly paths: Paths
  private readonly found: (facts: FactSheet) => void
  private readonly scan: Scan
  private readonly kept = new Kept()
  /** Something came in since the last end. */
  private fed = false
  private cut = false
  private trailing = false
  private rescues = 0

  /** `found` receives the facts of the document, or of each element where it is an array. They are its to read, not to keep. */
  constructor(paths: Paths, markers: readonly Buffer[], found: (facts: FactSheet) => void) {
    this.paths = paths
    this.markers = markers
    this.found = found
    this.scan = new Scan(paths, found)
  }

  /** A document has begun and needs more bytes. */
  get open(): boolean {
    return this.cut || (this.scan.open && !this.trailing)
  }

  /** The document is whole so far. */
  get done(): boolean {
    return this.scan.done && !this.trailing && !this.cut
  }

  /** Returns the position of the first byte after a whole document that is no white space, else `end`. */
  feed(chunk: Chunk, from: number, end: number): number {
    this.fed = true
    const at = this.cut || this.trailing || this.scan.broken ? from : this.scan.run(chunk, from, end)
    const to = this.done ? at : end
    this.kept.add(chunk.bytes, from, to)
    return to
  }

  /** A line ended here, and the document may go on in the next one. */
  newline(): void {
    this.scan.newline()
  }

  /** What follows the whole document belongs to it too: something must be missing in it. */
  refuseEnd(): void {
    this.trailing = true
  }

  /** Bytes are missing here; those that follow are the document's end. */
  gap(): void {
    this.fed = true
    this.cut = true
    this.kept.clear()
  }

  /** Ends the document and starts anew. False: it was broken or not whole, and only what could be read was found. */
  end(): boolean {
    if (!this.fed) return false
    const { done, cut } = this
    const tail = cut || (!done && this.scan.begun) ? this.tailFacts() : undefined
    this.found(this.scan.facts)
    if (tail) this.found(tail)
    this.scan.restart()
    this.kept.clear()
    this.fed = false
    this.cut = false
    this.trailing = false
    return done
  }

  private tailFacts(): FactSheet | undefined {
    const { parent } = this.scan
    const { large } = this.paths
    const bytes = this.kept.last()
    const tail = tailOf(bytes)
    if (tail === undefined || this.rescues === RESCUES_MAX) return undefined
    this.rescues++
    return rescue(bytes, tail, this.paths, parent === large ? [large] : [parent, large])
  }
}
