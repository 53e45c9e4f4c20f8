import { type Config, config } from '../../../schema/config.ts'

export type WindowKind = Config['window']

export const WINDOW_KINDS: readonly WindowKind[] = config.window.one_of

/** A stretch of time in which a key's tokens are summed up. */
export interface Window {
  readonly kind: WindowKind
  /** Part of the counter's name; sorts by time and holds no colon: `total`, `2026-11-23T18`, `2026-11-23`, `2026-W48`, `2026-11`. */
  readonly label: string
  /** Milliseconds since 1970 at which the next window starts; absent: never. */
  readonly end?: number
}

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** The window that an instant lies in. UTC; weeks are those of ISO 8601 and start on Monday. `at`: milliseconds since 1970. */
export function windowAt(kind: WindowKind, at: number): Window {
  const iso = new Date(at).toISOString()
  switch (kind) {
    case 'total':
      return { kind, label: 'total' }
    case 'hour':
      return { kind, label: iso.slice(0, 13), end: startOf(at, HOUR) + HOUR }
    case 'day':
      return { kind, label: iso.slice(0, 10), end: startOf(at, DAY) + DAY }
    case 'week':
      return isoWeek(at)
    case 'month': {
      const date = new Date(at)
      return { kind, label: iso.slice(0, 7), end: Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) }
    }
  }
}

/** The window of each kind that an instant lies in. `at`: milliseconds since 1970. */
export function windowsAt(at: number): Window[] {
  return WINDOW_KINDS.map((kind) => windowAt(kind, at))
}

/** A week belongs to the year that its Thursday lies in. */
function isoWeek(at: number): Window {
  const daysSinceMonday = (new Date(at).getUTCDay() + 6) % 7
  const monday = startOf(at, DAY) - daysSinceMonday * DAY
  const thursday = new Date(monday + 3 * DAY)
  const week = 1 + Math.floor((thursday.getTime() - Date.UTC(thursday.getUTCFullYear(), 0, 1)) / (7 * DAY))
  return {
    kind: 'week',
    label: `${thursday.getUTCFullYear()}-W${String(week).padStart(2, '0')}`,
    end: monday + 7 * DAY,
  }
}

/** UTC has no daylight saving and 1970 began at midnight, so whole units are multiples. */
function startOf(at: number, unit: number): number {
  return Math.floor(at / unit) * unit
}
