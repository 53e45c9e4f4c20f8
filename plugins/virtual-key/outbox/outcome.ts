import { durationFrom } from '../../../schema/duration.ts'
import type { Attempt } from './alert-record.ts'

/** Waits before the second, third, … attempt, in milliseconds; after the last one an alert is given up. Four days in all. */
export const SCHEDULE: readonly number[] = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400].map(
  (seconds) => seconds * 1000,
)

/** Longest wait of a schedule: claim.lua takes a later due time for the work of a wrong clock. Unit: milliseconds. */
const LONGEST = 168 * 3_600_000

/**
 * Waits between attempts as an operator writes them, `5s,5m,30m,2h`, in milliseconds. Empty: one attempt only.
 * @throws Error that names what is wrong
 */
export function scheduleFrom(text: string): number[] {
  const parts = text.split(',').map((part) => part.trim())
  return parts
    .filter((part) => part !== '')
    .map((part) => {
      const wait = durationFrom(part, ['ms', 's', 'm', 'h'])
      if (wait === undefined)
        throw new Error(`retry schedule: "${part}" is not a time like 500ms, 5s, 30m or 2h`)
      if (wait > LONGEST) throw new Error(`retry schedule: "${part}" is longer than a week (168h)`)
      return wait
    })
}

/** How often an alert that waits for its configuration is looked at. Unit: milliseconds. */
const LOOK_AGAIN = 600_000

/** Longest wait that a receiver may ask for by Retry-After. Unit: milliseconds. */
const LONGEST_WAIT = 86_400_000

/** What becomes of an alert: acknowledging it, or not, follows from this alone. */
export type Outcome =
  | { readonly state: 'delivered' }
  /** `delay`: milliseconds until it is due again. */
  | { readonly state: 'retry'; readonly delay: number }
  | { readonly state: 'dead'; readonly reason: string }
  /** No attempt is possible now. `delay`: milliseconds until it is looked at again, unless a process learns its configuration first. */
  | { readonly state: 'parked'; readonly delay: number; readonly reason: string }

export interface Tried {
  readonly attempt: Attempt
  /** Milliseconds that a 429 or 503 asked to wait. */
  readonly retryAfter?: number
  /** The target may not be called; `vk doctor` reports it. The next attempt judges again, because the configuration may have been corrected. */
  readonly refused?: boolean
}

/**
 * @param number of the attempt, from 1
 * @param random 0 to 1; waits vary by a tenth either way, so that alerts that failed together do not come back together
 */
export function outcomeOf(
  { attempt, retryAfter }: Tried,
  number: number,
  schedule: readonly number[],
  random: number,
): Outcome {
  const { status, error } = attempt
  if (status !== undefined && status >= 200 && status < 300) return { state: 'delivered' }
  if (status === 410) return { state: 'dead', reason: 'the receiver answered 410 Gone' }
  const wait = schedule[number - 1]
  if (wait === undefined)
    return { state: 'dead', reason: `${number} attempts failed, the last: ${error ?? status}` }
  return {
    state: 'retry',
    delay: Math.max(wait * (0.9 + 0.2 * random), Math.min(retryAfter ?? 0, LONGEST_WAIT)),
  }
}

/**
 * What becomes of an alert that cannot be attempted, as it is now. It is given up when it is as old as its schedule is long, but not
 * before it has waited: all gateways may have been away for days.
 * @param age milliseconds since its schedule began @param waited it has waited in this way before @param random 0 to 1
 */
export function parkedOutcome(
  reason: string,
  age: number,
  waited: boolean,
  schedule: readonly number[],
  random: number,
  lookAgain = LOOK_AGAIN,
): Outcome {
  // The age may be negative by a millisecond: Redis reads its clock once for the entry's id and once for the look.
  const left = schedule.reduce((sum, wait) => sum + wait, 0) - Math.max(0, age)
  if (left <= 0 && waited) return { state: 'dead', reason }
  const delay = lookAgain * (0.9 + 0.2 * random)
  return { state: 'parked', reason, delay: left > 0 ? Math.min(delay, left) : delay }
}

/** The three forms of an HTTP date (RFC 9110, 5.6.7). The last names no zone and is UTC. */
const DATE = /^(?:[A-Z][a-z]{2,8}, \d\d[ -][A-Z][a-z]{2}[ -]\d{2,4} \d\d:\d\d:\d\d GMT)$/
const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/

/**
 * Milliseconds that a Retry-After header asks for: seconds, or an HTTP date. Undefined where it says neither.
 * @param now milliseconds since 1970
 */
export function retryAfter(value: string | undefined, now: number): number | undefined {
  const text = value?.trim() ?? ''
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const date = DATE.test(text) ? text : ASCTIME.test(text) ? `${text} GMT` : undefined
  const at = date === undefined ? Number.NaN : Date.parse(date)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}
