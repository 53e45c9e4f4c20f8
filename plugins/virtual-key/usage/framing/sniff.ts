import { signature } from '../encoding.ts'
import { KIND, OPEN, SPACE } from '../json/bytes.ts'
import { claimedLength, PRELUDE, preludeHolds } from './frame.ts'

/** How a body is framed. `encoded`: compressed, or nothing known. */
export type Kind = 'json' | 'sse' | 'event-stream' | 'encoded'

const BOM = Buffer.from('\uFEFF')

/** Number of bytes to leave out at the start of a body: byte order mark, and blank lines sent to keep it alive. */
export function leading(bytes: Buffer): number {
  let at = 0
  while (at < bytes.length) {
    if (KIND[bytes[at] as number] === SPACE) at++
    else if (bytes.subarray(at, at + BOM.length).equals(BOM)) at += BOM.length
    else break
  }
  return at
}

/** The kind of a body by its first bytes, without `leading`. Undefined: more are needed, unless these are `all`. */
export function sniff(bytes: Buffer, all: boolean): Kind | undefined {
  const first = bytes[0] ?? 0
  if (KIND[first] === OPEN) return 'json'
  if (bytes.length < PRELUDE && !all) return undefined
  if (isEventStream(bytes)) return 'event-stream'
  const printable = first >= 0x20 && first < 0x7f
  return printable && signature(bytes) === undefined ? 'sse' : 'encoded'
}

/** Whether the bytes start with a frame of an AWS event stream. */
export function isEventStream(bytes: Buffer): boolean {
  return bytes.length >= PRELUDE && claimedLength(bytes, 0) !== undefined && preludeHolds(bytes, 0)
}
