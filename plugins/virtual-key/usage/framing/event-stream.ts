import { crc32 } from 'node:zlib'
import { QUOTE } from '../json/bytes.ts'
import type { Documents } from '../json/documents.ts'

/**
 * After this many broken frames the rest is not read. A body from which the tap dropped a part has one. Each may cost a checksum over the
 * largest frame, so this limits the time that a hostile body can take.
 */
const BROKEN_MAX = 8

/** The same limit for places between frames that look like the start of a frame until their checksum is computed. */
const FALSE_STARTS_MAX = 100_000

/** Whether the bytes start with a frame of an AWS event stream. */
export function isEventStream(bytes: Buffer): boolean {
  return bytes.length >= PRELUDE && claimedLength(bytes, 0) !== undefined && preludeHolds(bytes, 0)
}

/**
 * AWS event stream: one JSON document in each frame. Bedrock's InvokeModelWithResponseStream wraps the model's own
 * JSON in base64 (`{"bytes":"…"}`, event type `chunk`). After a broken frame, reading continues at the next one.
 */
export class EventStream {
  private readonly documents: Documents
  private broken = 0
  private falseStarts = 0

  constructor(documents: Documents) {
    this.documents = documents
  }

  /**
   * @param from position of the first frame
   * @param tail the body's end, if its middle is missing
   * @returns false if a frame is broken or its end is missing
   */
  read(body: Buffer, from: number, tail?: Buffer): boolean {
    const end = this.frames(body, from, tail === undefined, false)
    if (tail === undefined) return end === body.length && this.broken === 0
    return this.frames(tail, 0, true, true) === tail.length && this.broken === 0
  }

  /**
   * Reads the frames. @param last whether the bytes are the body's end @param torn whether the beginning of the first frame is missing
   * @returns the position of the first frame whose end is missing
   */
  private frames(bytes: Buffer, from: number, last: boolean, torn: boolean): number {
    let at = from
    /** No frame started at the last position that was tried. */
    let lost = torn
    while (at + PRELUDE <= bytes.length && !this.hopeless) {
      const length = this.lengthAt(bytes, at)
      if (length !== undefined && at + length > bytes.length && !last) break
      const frame = length === undefined ? undefined : readFrame(bytes.subarray(at, at + length))
      if (frame && length !== undefined) {
        if (frame.messageType === 'event') this.event(frame)
        at += length
      } else at++
      if (!frame && (length !== undefined || !lost)) this.broken++
      lost = !frame
    }
    return at
  }

  private lengthAt(bytes: Buffer, at: number): number | undefined {
    const length = claimedLength(bytes, at)
    if (length === undefined || preludeHolds(bytes, at)) return length
    this.falseStarts++
    return undefined
  }

  private get hopeless(): boolean {
    return this.broken > BROKEN_MAX || this.falseStarts > FALSE_STARTS_MAX
  }

  private event(frame: Frame): void {
    const json = frame.eventType === 'chunk' ? unwrapped(frame.payload) : frame.payload
    if (!this.documents.markers.some((marker) => json.includes(marker))) return
    this.documents.only(json)
  }
}

/** Sizes in bytes (AWS event stream encoding; "smithy-eventstream" has the same limits). */
const PRELUDE = 12
const CRC = 4
const HEADERS_MAX = 128 * 1024
/** This also limits the memory for an incomplete frame. */
const FRAME_MAX = 16 * 1024 * 1024

/** Bytes of each header value type but the two with a length of their own; index: type (0 true, 1 false, 2 byte, …). */
const FIXED = [0, 0, 1, 2, 4, 8, -1, -1, 8, 16]
const STRING_TYPE = 7

/** One frame of `application/vnd.amazon.eventstream`. */
interface Frame {
  readonly eventType: string | undefined
  /** `event`; `exception` or `error` for a failure in the middle of a stream. */
  readonly messageType: string | undefined
  readonly payload: Buffer
}

/**
 * Length in bytes that a frame starting at `at` would have: total length u32, headers length u32 (big endian), both
 * within the limits; undefined when these bytes cannot start a frame. Needs PRELUDE bytes.
 */
function claimedLength(bytes: Buffer, at: number): number | undefined {
  if (bytes[at] !== 0 && bytes[at] !== 1) return undefined
  const length = bytes.readUInt32BE(at)
  const headers = bytes.readUInt32BE(at + 4)
  const possible = length <= FRAME_MAX && headers <= HEADERS_MAX && length >= PRELUDE + headers + CRC
  return possible ? length : undefined
}

/** Whether the prelude's CRC-32, over the two lengths, is right. */
function preludeHolds(bytes: Buffer, at: number): boolean {
  return crc32(bytes.subarray(at, at + 8)) === bytes.readUInt32BE(at + 8)
}

/** The frame in exactly these bytes; undefined when its end is missing, or its checksum or headers are wrong. */
function readFrame(bytes: Buffer): Frame | undefined {
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

/** How Bedrock begins the payload of each chunk. */
const WRAPPER = Buffer.from('{"bytes":"')

/** The model's JSON in an InvokeModel chunk. Almost always it can be extracted without parsing the wrapper. */
function unwrapped(payload: Buffer): Buffer {
  const end = payload.indexOf(QUOTE, WRAPPER.length)
  if (end > 0 && WRAPPER.equals(payload.subarray(0, WRAPPER.length))) {
    const text = payload.toString('latin1', WRAPPER.length, end)
    if (!text.includes('\\')) return Buffer.from(text, 'base64')
  }
  try {
    const { bytes } = JSON.parse(payload.toString()) as { bytes?: unknown }
    return typeof bytes === 'string' ? Buffer.from(bytes, 'base64') : payload
  } catch {
    return payload
  }
}
