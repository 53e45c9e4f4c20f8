import { Failure } from '../failure.ts'
import { json } from '../output/json.ts'

/** Unit: seconds. */
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** The longest time that Kong keeps for a credential. Unit: seconds. Source: Kong 3.9, `ttl must be an integer between 0 and 100000000`. */
const MOST = 100_000_000

/**
 * `90d`, `12h`, `30m` or `45s` as seconds. A number alone could be meant as days as well, so a unit is asked for; 0 needs none.
 * @param least, most in seconds @throws Failure that names the option, with exit code 2
 */
export function secondsFrom(option: string, text: string, least = 1, most = MOST): number {
  const [, count, unit] = /^(\d{1,9})([smhd]?)$/.exec(text) ?? []
  const factor = UNITS[unit ?? ''] ?? (Number(count) === 0 ? 0 : undefined)
  if (unit === '' && factor === undefined)
    throw new Failure(`${option}: ${text} has no unit: write ${text}d, ${text}h, ${text}m or ${text}s`, 2)
  const seconds = Number(count) * (factor ?? Number.NaN)
  if (seconds >= least && seconds <= most) return seconds
  throw new Failure(
    `${option}: ${json(text)} is no time such as 90d, 12h or 30m, from ${shownSeconds(least)} to ${shownSeconds(most)}`,
    2,
  )
}

/** The largest unit that says it without a fraction. */
export function shownSeconds(seconds: number): string {
  const [unit, length] = Object.entries(UNITS).findLast(([, one]) => seconds % one === 0) ?? ['s', 1]
  return seconds === 0 ? '0s' : `${seconds / length}${unit}`
}
