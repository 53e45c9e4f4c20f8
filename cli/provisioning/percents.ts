import { Failure } from '../failure.ts'
import type { PluginConfig } from './kong-state.ts'

/** `none`: no budget. `unknown`: a configuration that was not looked at may have one. */
export type BudgetKnown = 'some' | 'none' | 'unknown'

/**
 * Percents are of a token budget: without one, no alert ever comes of them.
 * @returns what to tell the operator
 * @throws Failure with exit code 2 where there is no budget
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

/** @param configurations that may say the budget of a key which does not say it itself */
export function budgetOf(
  own: number | undefined,
  configurations: readonly PluginConfig[] | undefined,
): BudgetKnown {
  if (own !== undefined) return own > 0 ? 'some' : 'none'
  if (configurations === undefined) return 'unknown'
  return configurations.some(({ token_budget }) => Number(token_budget) > 0) ? 'some' : 'none'
}
