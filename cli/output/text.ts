import { safeText } from '../../plugins/virtual-key/telemetry/safe-text.ts'
import { DURATION_UNITS } from '../../schema/duration.ts'

/** How `vk` prints JSON, numbers of things, times and durations, everywhere in the same way. */

/** JSON without control characters, which a terminal would obey: ids and settings come from clients. */
export function json(value: unknown, indent?: number): string {
  // Line breaks inside texts are escaped already, those between members are ours.
  return safeText(String(JSON.stringify(value, null, indent)))
}

/** `1 alert`, `3 alerts`. */
export function counted(n: number, one: string): string {
  return `${n} ${one}${n === 1 ? '' : 's'}`
}

/** Most names that one line holds. */
const MOST_NAMES = 5

/** `a, b and 7 more`. */
export function several(names: readonly string[]): string {
  const [shown, rest] = [names.slice(0, MOST_NAMES), names.length - MOST_NAMES]
  return rest > 0 ? `${shown.join(', ')} and ${rest} more` : shown.join(', ')
}

/** Routes that a configuration applies to: `route chat`, or `route chat, stream (service openai)`. */
export function routesOf(scope: string, names: readonly string[]): string {
  const routes = `route ${several(names)}`
  return routes === scope ? routes : `${routes} (${scope})`
}

/** A stretch of time for people: `4 s`, `12 min`, `3 h`, `9 days`. Unit: milliseconds. */
export function lasting(time: number): string {
  const seconds = Math.max(0, Math.round(time / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`
  return `${Math.round(seconds / 86_400)} days`
}

/** The units of durations in commands, from the smallest to the largest. */
export const UNITS = ['s', 'm', 'h', 'd'] as const

/** The largest unit that says it without a fraction. */
export function shownSeconds(seconds: number): string {
  const time = seconds * 1000
  const unit = UNITS.findLast((one) => time % DURATION_UNITS[one] === 0) ?? 's'
  return seconds === 0 ? '0s' : `${time / DURATION_UNITS[unit]}${unit}`
}

/** The first instant that RFC 3339 cannot write. Unit: milliseconds since 1970. */
export const YEAR_10000 = Date.UTC(10_000, 0, 1)

/** Milliseconds as RFC 3339 in UTC, or the number where that has no word for it. `at`: milliseconds since 1970. */
export function shownTime(at: number): string {
  return at >= 0 && at < YEAR_10000 ? new Date(at).toISOString().replace('.000Z', 'Z') : String(at)
}
