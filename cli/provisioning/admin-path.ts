import { Failure } from '../failure.ts'
import { json } from '../output/text.ts'

/**
 * A path of the Admin API in which every value is one segment: `path`/consumers/${name}/plugins``. URLs resolve `.` and `..`, even if they
 * are encoded: `/consumers/..` is `/`, and a DELETE there would concern all consumers.
 * @throws Failure with exit code 2 for a value that cannot be a segment
 */
export function path(literals: TemplateStringsArray, ...values: readonly string[]): string {
  return literals.reduce((before, literal, i) => `${before}${segment(values[i - 1] ?? '')}${literal}`)
}

/** One value as a segment of a path. @throws Failure as `path` does */
export function segment(value: string): string {
  const problem = noSegment(value)
  if (problem !== undefined) throw new Failure(`Kong has no path for ${json(value)}: ${problem}`, 2)
  return encodeURIComponent(value)
}

/** Why a value cannot be a segment of a path; undefined if it can. */
export function noSegment(value: string): string | undefined {
  if (value === '') return 'it is empty'
  if (/^\.\.?$/.test(value)) return 'in a path it is a step and no name'
  // nginx answers 400.
  if (value.includes('\0')) return 'it holds a NUL'
  return /\p{Cs}/u.test(value) ? 'it holds half a character' : undefined
}
