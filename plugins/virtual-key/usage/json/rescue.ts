import { Chunk } from './chunk.ts'
import type { Facts, PathNode } from './paths.ts'
import { Scan } from './scan.ts'
import type { Tail } from './tail.ts'
import { tailOf } from './tail.ts'

/** Places of a kind in a document's end that are tried before they are given up: one seam costs a try or two. */
const TRIES_MAX = 8

/**
 * What the end of a document says whose middle is missing: `parents` are the objects that it may have been cut in. Where
 * bytes were joined without a sign, reading from the earliest place breaks at the joint, and goes on after it.
 */
export function rescue(bytes: Buffer, root: PathNode, parents: readonly PathNode[]): Facts | undefined {
  const tail = tailOf(bytes)
  if (!tail) return undefined
  const end = new End(bytes, root, tail)
  const inner = () => merged(parents.map((parent) => end.first(tail.inner, [root, parent])))
  const whole = () => end.first(tail.root < 0 ? [] : [tail.root], []) ?? end.first(tail.members, [root])
  return tail.nameless ? (inner() ?? whole()) : (whole() ?? inner())
}

function merged(found: readonly (Facts | undefined)[]): Facts | undefined {
  const facts = found.flatMap((each) => [...(each ?? [])])
  return facts.length > 0 ? new Map(facts) : undefined
}

/** From a wrong place the bytes can fit too, but then nothing is where it belongs. */
function reportsNumbers(facts: Facts): boolean {
  return [...facts.values()].some((fact) => typeof fact === 'number')
}

/** A document's end that is read forward from several places. */
class End {
  private readonly chunk: Chunk
  private readonly root: PathNode
  private readonly tail: Tail

  constructor(bytes: Buffer, root: PathNode, tail: Tail) {
    this.chunk = new Chunk(bytes)
    this.root = root
    this.tail = tail
  }

  /**
   * The facts from the earliest place (they come last one first) from which the bytes are the rest of a document that is
   * open in the objects `inside`.
   */
  first(places: readonly number[], inside: readonly PathNode[]): Facts | undefined {
    let brokenAt = 0
    let tries = 0
    for (const at of places.toReversed()) {
      if (at < brokenAt) continue
      const scan = new Scan(this.root, () => {})
      scan.restart(inside)
      brokenAt = scan.run(this.chunk, at, this.tail.end)
      if (scan.done && reportsNumbers(scan.facts)) return scan.facts
      if (++tries === TRIES_MAX) return undefined
    }
    return undefined
  }
}
