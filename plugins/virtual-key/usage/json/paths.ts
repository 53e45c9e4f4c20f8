/** A scalar found in a document. `null` is not kept: it means "not reported". */
export type Fact = number | string | boolean

/** What was found in one JSON document: path → scalar. Strings are cut at 256 bytes: they only tell formats apart. */
export type Facts = ReadonlyMap<string, Fact>

/** One name on the way to the scalars of interest. */
export interface PathNode {
  /** The name as it stands on the wire, UTF-8. A name written with `\u` escapes is not recognised: no API sends one. */
  readonly name: Uint8Array
  /** Members of interest, by `hash` of their name. Distinct names of one object with the same hash are refused. */
  readonly members: Map<number, PathNode>
  /** The elements, where this is an array of interest. */
  items?: PathNode
  /** Set where the scalar itself is of interest: its whole path. */
  path?: string
  /** The scalar lies below an array: numbers of all elements are added up. */
  readonly summed: boolean
}

/** What is looked at in a document. */
export interface Paths {
  readonly root: PathNode
  /** The object below the document that can be so large that its name is cut out while its end is there. */
  readonly large: PathNode | undefined
}

/** One step of the hash over a name's bytes; small, because it runs on every byte of every name. */
export function hash(sofar: number, byte: number): number {
  return (Math.imul(sofar, 31) + byte) | 0
}

/** The paths, and the name of the large object among their first steps. */
export function pathsOf(paths: Iterable<string>, large: string): Paths {
  const root = pathTree(paths)
  return { root, large: root.members.get(Buffer.from(large).reduce(hash, 0)) }
}

/** The tree of all names on the way to the given paths (`a.b`, `a[].b`). */
function pathTree(paths: Iterable<string>): PathNode {
  const root = node('', false)
  for (const path of paths) {
    let at = root
    for (const step of path.replaceAll('[]', '.[]').split('.')) at = descend(at, step)
    at.path = path
  }
  return root
}

function descend(parent: PathNode, step: string): PathNode {
  if (step === '[]') {
    parent.items ??= node(step, true)
    return parent.items
  }
  const child = node(step, parent.summed)
  const key = child.name.reduce(hash, 0)
  const known = parent.members.get(key)
  if (!known) {
    parent.members.set(key, child)
    return child
  }
  if (Buffer.compare(known.name, child.name) !== 0) throw new Error(`names share a hash: ${step}`)
  return known
}

function node(name: string, summed: boolean): PathNode {
  return { name: Buffer.from(name), members: new Map(), summed }
}
