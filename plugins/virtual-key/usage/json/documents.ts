import { afterSpace } from './bytes.ts'
import type { FactSheet } from './facts.ts'
import type { PathNode, Paths } from './paths.ts'
import { rescue, tailOf } from './rescue.ts'
import { Scan } from './scan.ts'
import { Haystack } from './search.ts'

/**
 * Most documents of one body that are read from their end because their middle is missing. A body from which the tap dropped a part has
 * one such document. Each costs a search, so this limits the time that a hostile body can take.
 */
const RESCUES_MAX = 64

/** Reads the JSON documents of a body (the whole body, or each event, line or frame) and passes on the facts of one after the other. */
export class Documents {
  /** The name of every count contains one of these texts. */
  readonly markers: readonly Buffer[]
  private readonly paths: Paths
  private readonly found: (facts: FactSheet) => void
  private readonly scan: Scan
  private rescues = 0

  /** @param found gets the facts of each document, which are valid only during the call. */
  constructor(paths: Paths, markers: readonly Buffer[], found: (facts: FactSheet) => void) {
    this.paths = paths
    this.markers = markers
    this.found = found
    this.scan = new Scan(paths, found)
  }

  /**
   * Reads the document at `from`, which is not white space. `end` then passes on its facts.
   * @returns the position after it; ~p where it stops being JSON at p; p = end: the rest is missing
   */
  read(haystack: Haystack, from: number, end: number): number {
    return this.scan.document(haystack, from, end)
  }

  /** Passes on the facts of the document that was read. @param rest its last bytes if it is not whole: most report usage there */
  end(rest?: Buffer): void {
    const { parent } = this.scan
    this.found(this.scan.facts)
    this.scan.facts.clear()
    if (rest) this.rescued(rest, parent)
  }

  /** Reads bytes that should be exactly one document. @returns whether they are */
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
