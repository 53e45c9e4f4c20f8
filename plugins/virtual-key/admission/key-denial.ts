import type { QuotaStatus } from '../policy/key-policy.ts'
import type { Window } from '../policy/window.ts'
import type { Denial } from '../request/denial.ts'
import type { DenyReason } from '../telemetry/metrics.ts'

const DENIALS: Readonly<Record<DenyReason, Denial>> = {
  unknown: { status: 401, error: 'invalid key' },
  disabled: { status: 403, error: 'key disabled' },
  expired: { status: 401, error: 'key expired' },
  scope: { status: 403, error: 'insufficient scope' },
  used: { status: 401, error: 'key already used' },
  budget: { status: 429, error: 'token budget exceeded' },
}

/** Pause before a request is worth another try that only other requests under way kept out. Unit: seconds. */
const WHILE_OTHERS_RUN = 1

/**
 * What the client of a denied key gets.
 * @param wanted tokens that the request would have reserved @param at milliseconds since 1970
 */
export function denialOf(
  reason: DenyReason,
  quota: QuotaStatus,
  wanted: number,
  at: number,
  showHeaders: boolean,
): Denial {
  const denial = DENIALS[reason]
  if (reason !== 'budget') return denial
  const { budget, total } = quota
  const room = total < budget && total + wanted <= budget
  const wait = room ? WHILE_OTHERS_RUN : secondsLeft(quota.window, at)
  return {
    ...denial,
    headers: {
      // A window that never ends leaves nothing to wait for.
      ...(wait === undefined ? {} : { 'Retry-After': String(wait) }),
      ...(showHeaders ? tokenHeaders(quota, at) : {}),
    },
  }
}

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
