import { Chunk } from './chunk.ts'
import type { FactSheet } from './facts.ts'
import type { PathNode, Paths } from './paths.ts'
import { Scan } from './scan.ts'
import type { Tail } from './tail.ts'

/** Places of a kind in a document's end that are tried before they are given up: one seam costs a try or two. */
const TRIES_MAX = 8

/**
 * What the end of a document says whose middle is missing: `tail` tells where it can be read, `parents` are the objects that it may have been cut in, as
 * far as they are known. Where bytes were joined without a sign, reading from the earliest place breaks at the joint,
 * and goes on after it.
 */
export function rescue(
  bytes: Buffer,
  tail: Tail,
  paths: Paths,
  parents: readonly (PathNode | undefined)[],
): FactSheet | undefined {
  const { root } = paths
  const end = new End(bytes, paths, tail)
  const inner = () => end.merged(parents.map((parent) => parent && end.first(tail.inner, [root, parent])))
  const whole = () => end.first(tail.root < 0 ? [] : [tail.root], []) ?? end.first(tail.members, [root])
  return tail.nameless ? (inner() ?? whole()) : (whole() ?? inner())
}

/** A document's end that is read forward from several places. */
class End {
  private readonly chunk: Chunk
  private readonly paths: Paths
  private readonly tail: Tail

  constructor(bytes: Buffer, paths: Paths, tail: Tail) {
    this.chunk = new Chunk(bytes)
    this.paths = paths
    this.tail = tail
  }

  /**
   * The facts from the earliest place (they come last one first) from which the bytes are the rest of a document that is
   * open in the objects `inside`. From a wrong place the bytes can fit too, but then no number is where it belongs.
   */
  first(places: readonly number[], inside: readonly PathNode[]): FactSheet | undefined {
    let brokenAt = 0
    let tries = 0
    for (const at of places.toReversed()) {
      if (at < brokenAt) continue
      const scan = new Scan(this.paths, () => {})
      scan.restart(inside)
      brokenAt = scan.run(this.chunk, at, this.tail.end)
      if (scan.done && scan.facts.hasNumbers) return scan.facts
      if (++tries === TRIES_MAX) return undefined
    }
    return undefined
  }

  /** The facts of several readings together; a later one counts where they differ. */
  merged(found: readonly (FactSheet | undefined)[]): FactSheet | undefined {
    const known = found.filter((facts) => facts !== undefined)
    const [first, ...others] = known
    for (const facts of others) first?.merge(facts)
    return first
  }
}
