import { durationFrom } from '../../schema/duration.ts'
import { Failure } from '../failure.ts'
import { json, shownSeconds, UNITS, YEAR_10000 } from '../output/text.ts'

/** The longest time that Kong keeps for a credential. Unit: seconds. Source: Kong 3.9, `ttl must be an integer between 0 and 100000000`. */
const LONGEST_TTL = 100_000_000

/**
 * `90d`, `12h`, `30m` or `45s` as seconds. The unit is required, because a number alone could mean days as well; only 0 needs none. The
 * package ms takes `90` for milliseconds, fractions and negative times, which would all have to be refused first.
 * @param least, most in seconds @throws Failure that names the option, with exit code 2
 */
export function secondsFrom(option: string, text: string, least = 1, most = LONGEST_TTL): number {
  const zero = /^0+$/.test(text)
  if (/^\d{1,9}$/.test(text) && !zero)
    throw new Failure(`${option}: ${text} has no unit: write ${text}d, ${text}h, ${text}m or ${text}s`, 2)
  const seconds = zero ? 0 : (durationFrom(text, UNITS) ?? Number.NaN) / 1000
  if (seconds >= least && seconds <= most) return seconds
  throw new Failure(
    `${option}: ${json(text)} is no time such as 90d, 12h or 30m, from ${shownSeconds(least)} to ${shownSeconds(most)}`,
    2,
  )
}

const SHAPE =
  /^(\d{4})-(\d\d)-(\d\d)(?:([T ])(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?\s?(Z|[+-]\d\d(?::?\d\d)?)?)?$/i

interface Parts {
  /** Milliseconds since 1970, the parts taken as UTC. */
  readonly utc: number
  /** T or a space; absent: a date alone. */
  readonly separator: string | undefined
  readonly zone: string | undefined
}

/** A time with its offset, as RFC 3339 has it. Milliseconds since 1970, undefined for anything else. */
export function fromRfc3339(text: string): number | undefined {
  const parts = partsOf(text)
  if (!parts || !/^T$/i.test(parts.separator ?? '') || !/^(?:Z|[+-]\d\d:\d\d)$/i.test(parts.zone ?? '')) {
    return undefined
  }
  // SQL leaves the seconds out, RFC 3339 does not.
  return /:\d\d:\d\d/.test(text) ? instant(parts) : undefined
}

/**
 * A time as databases write it: RFC 3339, `2026-11-23 18:00:00.123+00`, a date alone, all UTC where they name no offset, or a number
 * of seconds or milliseconds since 1970. Milliseconds since 1970, undefined for anything else.
 */
export function fromDatabase(text: string): number | undefined {
  if (/^\d+(?:\.\d+)?$/.test(text)) return fromNumber(Number(text))
  const parts = partsOf(text)
  return parts && instant(parts)
}

/** Seconds reach the year 5138 before they look like milliseconds, and milliseconds start in 1973. */
function fromNumber(value: number): number | undefined {
  const at = Math.trunc(value < 1e11 ? value * 1000 : value)
  return at < YEAR_10000 ? at : undefined
}

function partsOf(text: string): Parts | undefined {
  const match = SHAPE.exec(text)
  if (match === null) return undefined
  const [, year, month, day, separator, hour = '0', minute = '0', second = '0', fraction = '', zone] = match
  const date = Date.UTC(Number(year), Number(month) - 1, Number(day))
  // JavaScript takes the 30th of February for the 2nd of March.
  if (new Date(date).toISOString().slice(0, 10) !== `${year}-${month}-${day}`) return undefined
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined
  const time = (Number(hour) * 60 + Number(minute)) * 60 + Number(second)
  return { utc: date + time * 1000 + Number(fraction.padEnd(3, '0').slice(0, 3)), separator, zone }
}

/** undefined for what lies before 1970 or has an offset that no clock has. */
function instant({ utc, zone }: Parts): number | undefined {
  const [, sign, hours = '0', minutes = '0'] = /^([+-])(\d\d):?(\d\d)?$/.exec(zone ?? '') ?? []
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined
  const offset = (Number(hours) * 60 + Number(minutes)) * 60_000
  const at = sign === '-' ? utc + offset : utc - offset
  return at >= 0 && at < YEAR_10000 ? at : undefined
}
