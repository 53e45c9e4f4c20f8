import type { PathNode } from './paths.ts'

/** The containers of interest that are open in a document, outermost first. Never deeper than the paths of interest. */
export class Inside {
  /** Number of open containers. */
  level = 0
  /** The innermost one; undefined before and after the document. */
  node: PathNode | undefined
  /** The innermost one is an array, and `node` stands for its elements. */
  isArray = false
  /** Both keep their length, because growing and shrinking costs per document. */
  private readonly nodes: (PathNode | undefined)[] = []
  private readonly arrays: boolean[] = []

  clear(): void {
    this.level = 0
    this.node = undefined
    this.isArray = false
  }

  enter(node: PathNode, isArray: boolean): void {
    this.nodes[this.level] = node
    this.arrays[this.level++] = isArray
    this.node = node
    this.isArray = isArray
  }

  leave(): void {
    const outer = --this.level - 1
    this.node = outer < 0 ? undefined : this.nodes[outer]
    this.isArray = outer >= 0 && this.arrays[outer] === true
  }

  /** Only the document itself is open, and it is an array. */
  get inList(): boolean {
    return this.level === 1 && this.isArray
  }
}
