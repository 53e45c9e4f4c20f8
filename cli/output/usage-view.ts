import { type WindowKind, windowsAt } from '../../plugins/virtual-key/policy/window.ts'
import type { Spent } from '../../plugins/virtual-key/registry/read.ts'
import type { KeySettings } from '../../schema/key.ts'
import { shownTime } from './text.ts'

/** A key's totals as `--json` prints them. All counts are tokens. */
export interface UsageView {
  readonly id: string
  readonly registered: boolean
  readonly reserved: number
  /** Absent where the record has none, or 0 = unlimited; the configuration may have one. */
  readonly token_budget?: number
  /** Absent where the configuration decides. */
  readonly window?: WindowKind
  readonly windows: readonly WindowView[]
}

export interface WindowView {
  readonly window: WindowKind
  readonly tokens: number
  /** What may still be spent; in the record's own window, or in each where the configuration decides which it is. */
  readonly remaining?: number
  /** Absent: never. */
  readonly ends?: string
}

/** @param settings undefined = not registered @param now milliseconds since 1970 */
export function usageView(
  id: string,
  settings: KeySettings | undefined,
  { totals, reserved }: Spent,
  now: number,
): UsageView {
  const { token_budget = 0, window } = settings ?? {}
  const windows = windowsAt(now).map(({ kind, end }) => {
    const tokens = totals[kind] ?? 0
    const limited = token_budget > 0 && (window ?? kind) === kind
    return {
      window: kind,
      tokens,
      ...(limited ? { remaining: Math.max(0, token_budget - tokens - reserved) } : {}),
      ...(end === undefined ? {} : { ends: shownTime(end) }),
    }
  })
  return {
    id,
    registered: settings !== undefined,
    reserved,
    ...(token_budget > 0 ? { token_budget } : {}),
    ...(window === undefined ? {} : { window }),
    windows,
  }
}
