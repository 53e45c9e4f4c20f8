import { printable } from '../../plugins/virtual-key/outbox/excerpt.ts'
import { table } from '../output/table.ts'
import type { Finding } from './finding.ts'

const HEAD = ['STATE', 'CHECK', 'FINDING'] as const

/** A line for each finding, and the advice below it. A check's name stands at its first finding only. */
export function report(findings: readonly Finding[]): string {
  const rows = findings.map(({ state, check, finding }, i) => [
    state,
    findings[i - 1]?.check === check ? '' : check,
    finding,
  ])
  const [head = '', ...lines] = table(HEAD, rows).split('\n')
  const indent = ' '.repeat(head.indexOf(HEAD[2]))
  const advised = lines.map((line, i) => {
    const advice = findings[i]?.advice
    return advice === undefined ? line : `${line}\n${indent}→ ${printable(advice)}`
  })
  return [head, ...advised].join('\n')
}
