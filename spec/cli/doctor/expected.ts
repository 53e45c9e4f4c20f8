import { expect } from 'chai'
import type { Judged, State } from '../../../cli/doctor/finding.ts'

/** What is expected of each finding: its state, and a part of what it says. */
export type Expected = ReadonlyArray<readonly [State, string]>

/** Nobody is left alone with a failure: it comes with advice. */
export function expectJudged(found: readonly Judged[], expected: Expected): void {
  expect(found.map(({ state }) => state)).to.deep.equal(expected.map(([state]) => state))
  for (const [i, [, part]] of expected.entries()) expect(found[i]?.finding).to.include(part)
  for (const { state, advice } of found) if (state === 'fail') expect(advice).not.to.equal(undefined)
}
