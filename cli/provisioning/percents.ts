import { Failure } from '../failure.ts'
import type { PluginConfig } from './kong-state.ts'

/** `none`: no budget. `unknown`: a configuration that was not read may have one. */
export type BudgetKnown = 'some' | 'none' | 'unknown'

/**
 * Alert percents refer to a token budget: without one they never cause an alert.
 * @returns notes for the operator
 * @throws Failure with exit code 2 if there is no budget
 */
export function percentNotes(percents: readonly number[] | undefined, budget: BudgetKnown): string[] {
  if (percents === undefined || percents.length === 0 || budget === 'some') return []
  if (budget === 'none')
    throw new Failure(
      `alert percents [${percents.join(', ')}] are of a token budget, and there is none: give one too`,
      2,
    )
  return [
    `alert percents [${percents.join(', ')}] are of a token budget: they alert only where the plugin's configuration has one`,
  ]
}

/** @param configurations whose budget may apply to a key that has none of its own */
export function budgetOf(
  own: number | undefined,
  configurations: readonly PluginConfig[] | undefined,
): BudgetKnown {
  if (own !== undefined) return own > 0 ? 'some' : 'none'
  if (configurations === undefined) return 'unknown'
  return configurations.some(({ token_budget }) => Number(token_budget) > 0) ? 'some' : 'none'
}
