import { crc32 } from 'node:zlib'

/** Sizes in bytes (AWS event stream encoding; "smithy-eventstream" has the same limits). */
export const PRELUDE = 12
const CRC = 4
const HEADERS_MAX = 128 * 1024
/** Also bounds what a stream can make this process keep while a frame is incomplete. */
const FRAME_MAX = 16 * 1024 * 1024

/** Bytes of each header value type but the two with a length of their own; index: type (0 true, 1 false, 2 byte, …). */
const FIXED = [0, 0, 1, 2, 4, 8, -1, -1, 8, 16]
const STRING_TYPE = 7

/** One frame of `application/vnd.amazon.eventstream`. */
export interface Frame {
  readonly eventType: string | undefined
  /** `event`, or `exception` and `error` for failures in the middle of a stream. */
  readonly messageType: string | undefined
  readonly payload: Buffer
}

/**
 * Length in bytes that a frame starting at `at` would have: total length u32, headers length u32 (big endian), both
 * within the limits; undefined when these bytes cannot start a frame. Needs PRELUDE bytes.
 */
export function claimedLength(bytes: Buffer, at: number): number | undefined {
  if (bytes[at] !== 0 && bytes[at] !== 1) return undefined
  const length = bytes.readUInt32BE(at)
  const headers = bytes.readUInt32BE(at + 4)
  const possible = length <= FRAME_MAX && headers <= HEADERS_MAX && length >= PRELUDE + headers + CRC
  return possible ? length : undefined
}

/** Whether the prelude's CRC-32, over the two lengths, is right. */
export function preludeHolds(bytes: Buffer, at: number): boolean {
  return crc32(bytes.subarray(at, at + 8)) === bytes.readUInt32BE(at + 8)
}

/** The frame in exactly these bytes; undefined when its end is missing, or its checksum or headers are wrong. */
export function readFrame(bytes: Buffer): Frame | undefined {
  if (bytes.readUInt32BE(0) !== bytes.length) return undefined
  const body = bytes.subarray(0, bytes.length - CRC)
  if (crc32(body) !== bytes.readUInt32BE(body.length)) return undefined
  const headersEnd = PRELUDE + body.readUInt32BE(4)
  const headers = readHeaders(body.subarray(PRELUDE, headersEnd))
  if (!headers) return undefined
  return {
    eventType: headers.get(':event-type'),
    messageType: headers.get(':message-type'),
    payload: body.subarray(headersEnd),
  }
}

/** Headers whose value is a string, by name; undefined when they do not fill exactly these bytes. */
function readHeaders(bytes: Buffer): Map<string, string> | undefined {
  const headers = new Map<string, string>()
  let at = 0
  while (at < bytes.length) {
    const nameEnd = at + 1 + (bytes[at] as number)
    const type = bytes[nameEnd] ?? FIXED.length
    const fixed = FIXED[type]
    if (fixed === undefined || nameEnd + 3 > bytes.length + (fixed < 0 ? 0 : 2)) return undefined
    const valueAt = nameEnd + 1 + (fixed < 0 ? 2 : 0)
    const valueEnd = valueAt + (fixed < 0 ? bytes.readUInt16BE(nameEnd + 1) : fixed)
    if (type === STRING_TYPE) {
      headers.set(bytes.toString('utf8', at + 1, nameEnd), bytes.toString('utf8', valueAt, valueEnd))
    }
    at = valueEnd
  }
  return at === bytes.length ? headers : undefined
}
