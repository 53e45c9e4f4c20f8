import { afterSpace } from './bytes.ts'
import type { FactSheet } from './facts.ts'
import type { PathNode, Paths } from './paths.ts'
import { rescue, tailOf } from './rescue.ts'
import { Scan } from './scan.ts'
import { Haystack } from './search.ts'

/**
 * Ends of documents that are read in one body because their middle is missing. A body that was cut has one such document, and each
 * costs a search, so the number bounds the time that a hostile body can take.
 */
const RESCUES_MAX = 64

/** The JSON documents of a body: all of it, or each event, line or frame. Their facts are handed on one document after the other. */
export class Documents {
  /** Every count that is looked for has one of these texts in its name. */
  readonly markers: readonly Buffer[]
  private readonly paths: Paths
  private readonly found: (facts: FactSheet) => void
  private readonly scan: Scan
  private rescues = 0

  /** @param found receives the facts of each document. They are its to read, not to keep. */
  constructor(paths: Paths, markers: readonly Buffer[], found: (facts: FactSheet) => void) {
    this.paths = paths
    this.markers = markers
    this.found = found
    this.scan = new Scan(paths, found)
  }

  /**
   * Reads the document at `from`, where no white space stands. What it says is handed on by `end`.
   * @returns the position after it; ~p where it stops being JSON at p; p = end: the rest is missing
   */
  read(haystack: Haystack, from: number, end: number): number {
    return this.scan.document(haystack, from, end)
  }

  /** Ends the document that was read. @param rest bytes that end it, where it is not whole; usage stands near the end of almost all */
  end(rest?: Buffer): void {
    const { parent } = this.scan
    this.found(this.scan.facts)
    this.scan.facts.clear()
    if (rest) this.rescued(rest, parent)
  }

  /** Reads bytes that are one document and nothing else. @returns whether they are */
  only(bytes: Buffer): boolean {
    const from = afterSpace(bytes, 0)
    const to = this.read(new Haystack(bytes), from, bytes.length)
    const whole = to >= 0 && afterSpace(bytes, to) === bytes.length
    this.end(whole ? undefined : bytes.subarray(from))
    return whole
  }

  /** Reads the end of a document whose beginning is missing. */
  tail(bytes: Buffer): void {
    this.rescued(bytes, undefined)
  }

  private rescued(document: Buffer, parent: PathNode | undefined): void {
    const tail = tailOf(document)
    if (tail === undefined || this.rescues === RESCUES_MAX) return
    this.rescues++
    const { large } = this.paths
    const facts = rescue(tail, this.paths, [...new Set([parent, ...large])])
    if (facts) this.found(facts)
  }
}
