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
