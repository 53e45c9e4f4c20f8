import { printable } from '../../plugins/virtual-key/telemetry/safe-text.ts'
import { table } from '../output/table.ts'

/** `warn`: it works, but not as it should, or not for long. `skipped`: it could not be checked from here, for a reason outside of it. */
export type State = 'ok' | 'warn' | 'fail' | 'skipped'

/** The result of a check. None of its texts contains a secret. */
export interface Judged {
  readonly state: State
  /** The state, for people. */
  readonly finding: string
  /** What to do about it. */
  readonly advice?: string
}

/** A finding as `vk doctor` prints it, with the name of its check. */
export interface Finding extends Judged {
  readonly check: string
}

export const ok = (finding: string, advice?: string): Judged => judged('ok', finding, advice)
export const warn = (finding: string, advice?: string): Judged => judged('warn', finding, advice)
export const fail = (finding: string, advice?: string): Judged => judged('fail', finding, advice)
export const skipped = (finding: string, advice?: string): Judged => judged('skipped', finding, advice)

function judged(state: State, finding: string, advice: string | undefined): Judged {
  return { state, finding, ...(advice === undefined ? {} : { advice }) }
}

const HEAD = ['STATE', 'CHECK', 'FINDING'] as const

/** A line for each finding, and the advice below it. Only the first finding of a check shows the check's name. */
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
