import { printable } from '../../plugins/virtual-key/telemetry/safe-text.ts'

/** A table whose columns are as wide as their widest cell. Control characters are removed: cells come from clients and receivers. */
export function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  return new PagedTable(head).page(rows)
}

/** A table that is printed in pages: columns are as wide as their widest cell so far. */
export class PagedTable {
  #head: readonly string[] | undefined
  readonly #widths: number[]

  constructor(head: readonly string[]) {
    this.#head = head
    this.#widths = head.map(() => 0)
  }

  /** The text of further rows, on the first page with the head above. */
  page(rows: ReadonlyArray<readonly string[]>): string {
    const lines = rows.map((row) => row.map((cell) => printable(cell)))
    const all = this.#head ? [this.#head, ...lines] : lines
    this.#head = undefined
    for (const line of all) {
      for (const [i, cell] of line.entries()) this.#widths[i] = Math.max(this.#widths[i] ?? 0, cell.length)
    }
    return all.map((line) => this.#text(line)).join('\n')
  }

  #text(line: readonly string[]): string {
    return line
      .map((cell, i) => cell.padEnd(this.#widths[i] ?? 0))
      .join('  ')
      .trimEnd()
  }
}
