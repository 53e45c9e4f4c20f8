import type { QuotaStatus } from '../policy/key-policy.ts'
import type { Window } from '../policy/window.ts'

/** The response header that tells what is left. */
export const REMAINING = 'X-Token-Remaining'

/**
 * What an application learns about its budget: tokens, and seconds until the window ends. Empty for a key without a budget.
 * @param at milliseconds since 1970
 */
export function tokenHeaders(quota: QuotaStatus, at: number): Record<string, string> {
  if (quota.budget === 0) return {}
  const reset = secondsLeft(quota.window, at)
  return {
    'X-Token-Limit': String(quota.budget),
    [REMAINING]: remaining(quota),
    ...(reset === undefined ? {} : { 'X-Token-Reset': String(reset) }),
  }
}

export function remaining({ budget, total, reserved }: QuotaStatus): string {
  return String(Math.max(0, budget - total - reserved))
}

/** Whole seconds until a window ends, at least 1; undefined: it never does. `at`: milliseconds since 1970. */
export function secondsLeft({ end }: Window, at: number): number | undefined {
  return end === undefined ? undefined : Math.max(1, Math.ceil((end - at) / 1000))
}
