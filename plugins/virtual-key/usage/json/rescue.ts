import { Chunk } from './chunk.ts'
import type { Facts, PathNode } from './paths.ts'
import { Scan } from './scan.ts'
import type { Tail } from './tail.ts'
import { tailOf } from './tail.ts'

/** Places in a document's end that are tried before it is given up: one seam costs a try or two. */
const TRIES_MAX = 8

/**
 * What the end of a document says whose middle is missing: `parents` are the objects that it may have been cut in. Where
 * bytes were joined without a sign, reading from the earliest place breaks at the joint, and goes on after it.
 */
export function rescue(bytes: Buffer, root: PathNode, parents: readonly PathNode[]): Facts | undefined {
  const tail = tailOf(bytes)
  if (!tail) return undefined
  const end = new End(bytes, root, tail)
  const inner = tail.inner < 0 ? [] : parents.map((parent) => end.from(tail.inner, [root, parent]))
  const found = inner.filter((facts) => facts !== undefined)
  if (found.length > 0) return new Map(found.flatMap((facts) => [...facts]))
  return (tail.root < 0 ? undefined : end.from(tail.root, [])) ?? end.fromMember()
}

/** A document's end that is read forward from several places. */
class End {
  private readonly chunk: Chunk
  private readonly scan: Scan
  private readonly root: PathNode
  private readonly tail: Tail
  private brokenAt = 0

  constructor(bytes: Buffer, root: PathNode, tail: Tail) {
    this.chunk = new Chunk(bytes)
    this.scan = new Scan(root, () => {})
    this.root = root
    this.tail = tail
  }

  /** Undefined when the bytes from there on are not the rest of a document that is open in these objects. */
  from(at: number, inside: readonly PathNode[]): Facts | undefined {
    this.scan.restart(inside)
    this.brokenAt = this.scan.run(this.chunk, at, this.tail.end)
    return this.scan.done ? new Map(this.scan.facts) : undefined
  }

  fromMember(): Facts | undefined {
    let tries = 0
    for (const at of this.tail.members.toReversed()) {
      if (at < this.brokenAt) continue
      const facts = this.from(at, [this.root])
      if (facts || ++tries === TRIES_MAX) return facts
    }
    return undefined
  }
}
