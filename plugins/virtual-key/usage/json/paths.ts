/** One name on the way to the scalars of interest. */
export interface PathNode {
  /** The name as it stands on the wire, UTF-8. A name written with `\u` escapes is not recognised: no API sends one. */
  readonly name: Uint8Array
  /** Members of interest, by `nameKey`. Two names in one object may not have the same key. */
  readonly members: Map<number, PathNode>
  /** The elements, if this is an array of interest. */
  items?: PathNode
  /** The number of the path, if the scalar itself is of interest. */
  slot?: number
  /** The scalar is below an array: the numbers of all elements are added up. */
  readonly summed: boolean
}

/** The parts of a document that are read. */
export interface Paths {
  readonly root: PathNode
  /** Path → its number, counted from 0. */
  readonly slots: ReadonlyMap<string, number>
  /** Objects directly below the document that can be so large that their name is in the part of a body that the tap drops. */
  readonly large: readonly PathNode[]
}

/** @param large names of large objects among the first steps of the paths */
export function pathsOf(paths: Iterable<string>, large: readonly string[] = []): Paths {
  const root = node('', false)
  const slots = new Map<string, number>()
  for (const path of new Set(paths)) {
    let at = root
    for (const step of path.replaceAll('[]', '.[]').split('.')) at = descend(at, step)
    at.slot = slots.size
    slots.set(path, at.slot)
  }
  return { root, slots, large: large.map((name) => descend(root, name)) }
}

/** The member of interest whose name these bytes are. */
export function memberOf(
  { members }: PathNode,
  bytes: Uint8Array,
  from: number,
  to: number,
): PathNode | undefined {
  const member = members.get(nameKey(bytes, from, to))
  return member && isSame(member.name, bytes, from, to) ? member : undefined
}

/** Distinguishes the names of interest by length and three bytes, which costs less than a hash over all bytes. */
function nameKey(bytes: Uint8Array, from: number, to: number): number {
  const length = to - from
  if (length === 0) return 0
  const first = bytes[from] as number
  const middle = bytes[from + (length >> 1)] as number
  const last = bytes[to - 1] as number
  return (length << 24) ^ (first << 16) ^ (middle << 8) ^ last
}

function isSame(name: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (name.length !== to - from) return false
  for (let at = 0; at < name.length; at++) if (name[at] !== bytes[from + at]) return false
  return true
}

function descend(parent: PathNode, step: string): PathNode {
  if (step === '[]') {
    parent.items ??= node(step, true)
    return parent.items
  }
  const child = node(step, parent.summed)
  const key = nameKey(child.name, 0, child.name.length)
  const known = parent.members.get(key)
  if (!known) {
    parent.members.set(key, child)
    return child
  }
  if (Buffer.compare(known.name, child.name) !== 0) throw new Error(`names share a key: ${step}`)
  return known
}

function node(name: string, summed: boolean): PathNode {
  return { name: Buffer.from(name), members: new Map(), summed }
}
