import { printable } from '../plugins/virtual-key/outbox/excerpt.ts'

/** Columns as wide as their widest cell. What a terminal would obey is taken out: cells come from clients and receivers. */
export function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const lines = [head, ...rows.map((row) => row.map((cell) => printable(cell)))]
  const widths = head.map((_, i) => Math.max(...lines.map((line) => (line[i] ?? '').length)))
  return lines
    .map((line) =>
      line
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
