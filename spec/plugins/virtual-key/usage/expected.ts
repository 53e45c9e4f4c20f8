import { expect } from 'chai'
import type { Usage } from '../../../../plugins/virtual-key/usage/read-usage.ts'
import type { Expected } from '../../../fixtures/usage/fixture.ts'

export function expectUsage(usage: Usage | undefined, expected: Expected, how: string): void {
  const actual = usage && [usage.promptTokens, usage.completionTokens, usage.totalTokens]
  expect(actual, how).to.deep.equal(expected)
}
