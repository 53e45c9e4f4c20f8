import { UsageReader } from './reader.ts'
import type { Hints, Reading, Usage } from './usage.ts'

export { USAGE_HEADERS } from './formats/headers.ts'
export { USAGE_MARKERS, USAGE_NAMES } from './formats.ts'
export { UsageReader } from './reader.ts'
export type { Answer, Hints, Reading, Silence, Usage } from './usage.ts'

/**
 * The tokens that a response body reports, whatever API it comes from; undefined when it reports none. Pure,
 * synchronous, never throws. A body whose middle was cut out is still read where its usage is in what remains.
 */
export function readUsage(body: Uint8Array, hints: Hints = {}): Usage | undefined {
  return inspectUsage(body, hints).usage
}

/** `readUsage` which tells why there is no usage. */
export function inspectUsage(body: Uint8Array, hints: Hints = {}): Reading {
  const reader = new UsageReader(hints)
  reader.feed(body)
  return reader.inspect()
}
