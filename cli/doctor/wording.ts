/** Most names that one line holds. */
const MOST = 5

/** `a, b and 7 more`. */
export function several(names: readonly string[]): string {
  const [shown, rest] = [names.slice(0, MOST), names.length - MOST]
  return rest > 0 ? `${shown.join(', ')} and ${rest} more` : shown.join(', ')
}

/** Routes that a configuration applies to: `route chat`, or `route chat, stream (service openai)`. */
export function routesOf(scope: string, names: readonly string[]): string {
  const routes = `route ${several(names)}`
  return routes === scope ? routes : `${routes} (${scope})`
}

/** `1 alert`, `3 alerts`. */
export function counted(n: number, one: string): string {
  return `${n} ${one}${n === 1 ? '' : 's'}`
}

/** A stretch of time for people: `4 s`, `12 min`, `3 h`, `9 days`. Unit: milliseconds. */
export function lasting(time: number): string {
  const seconds = Math.max(0, Math.round(time / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`
  return `${Math.round(seconds / 86_400)} days`
}
