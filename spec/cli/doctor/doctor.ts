import { expect } from 'chai'
import type { Finding } from '../../../cli/doctor/finding.ts'
import { vk } from '../../support/vk.ts'

export interface Visit {
  readonly code: number | null
  /** As it was printed. */
  readonly text: string
  /** What one check found. */
  of(check: string): Finding[]
}

/** Runs `vk doctor --json`. */
export async function doctor(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Visit> {
  const { code, stdout, stderr } = await vk(['doctor', '--json', ...args], env)
  expect(stdout, stderr).to.match(/^\[/)
  const findings = JSON.parse(stdout) as Finding[]
  return { code, text: stdout + stderr, of: (check) => findings.filter((one) => one.check === check) }
}

/** What a check found, as one line: its states and findings. */
export function told(visit: Visit, check: string): string {
  return visit
    .of(check)
    .map(({ state, finding }) => `${state}: ${finding}`)
    .join('; ')
}
