const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Longest wait: claim.ts takes a later due time for the work of a wrong clock. Unit: milliseconds. */
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
      const [, number = '', unit = ''] = /^(\d+)(ms|s|m|h)$/.exec(part) ?? []
      const factor = UNITS[unit]
      if (factor === undefined)
        throw new Error(`retry schedule: "${part}" is not a time like 500ms, 5s, 30m or 2h`)
      if (Number(number) * factor > LONGEST) {
        throw new Error(`retry schedule: "${part}" is longer than a week (168h)`)
      }
      return Number(number) * factor
    })
}
