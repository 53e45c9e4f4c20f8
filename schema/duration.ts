/** Units in which people write durations. Unit: milliseconds. */
export const DURATION_UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

export type DurationUnit = keyof typeof DURATION_UNITS

/**
 * A whole number with its unit, such as `500ms`, `45s`, `30m`, `12h` or `90d`, in milliseconds. undefined: the text is something else,
 * or its unit is not one of `units`.
 */
export function durationFrom(text: string, units: readonly DurationUnit[]): number | undefined {
  const [, count, unit] = /^(\d+)(ms|[smhd])$/.exec(text) ?? []
  const known = units.find((one) => one === unit)
  return known === undefined ? undefined : Number(count) * DURATION_UNITS[known]
}
