import { QUOTE } from '../json/bytes.ts'
import { Chunk } from '../json/chunk.ts'
import type { JsonDocument } from '../json/document.ts'
import type { Frame } from './frame.ts'
import { claimedLength, PRELUDE, preludeHolds, readFrame } from './frame.ts'
import type { Framing } from './framing.ts'
import { Pending } from './pending.ts'

/**
 * After so many broken frames the rest is given up. A cut body has one; each may cost a checksum over the largest
 * frame, so the number bounds the time that a hostile body can take.
 */
const BROKEN_MAX = 8

/** Likewise for the places between frames that look like the start of one until their checksum is taken. */
const FALSE_STARTS_MAX = 100_000

/**
 * AWS event stream: one JSON document in each frame. Bedrock's InvokeModelWithResponseStream wraps the model's own
 * JSON in base64 (`{"bytes":"…"}`, event type `chunk`). After a broken frame reading goes on at the next one.
 */
export class EventStream implements Framing {
  private readonly document: JsonDocument
  private readonly pending = new Pending()
  private broken = 0
  private falseStarts = 0
  /** No frame started at the last position that was tried. */
  private lost = false

  constructor(document: JsonDocument) {
    this.document = document
  }

  feed(chunk: Chunk): void {
    if (this.hopeless) return
    const bytes = this.pending.with(chunk.bytes)
    this.pending.keep(bytes, this.frames(bytes, false))
  }

  gap(): void {
    this.pending.clear()
    this.lost = true
  }

  end(): boolean {
    const rest = this.pending.bytes
    return this.frames(rest, true) === rest.length && this.broken === 0
  }

  /** Reads all whole frames; returns where the first incomplete one starts. */
  private frames(bytes: Buffer, last: boolean): number {
    let at = 0
    while (at + PRELUDE <= bytes.length && !this.hopeless) {
      const length = this.lengthAt(bytes, at)
      if (length !== undefined && at + length > bytes.length && !last) break
      const frame = length === undefined ? undefined : readFrame(bytes.subarray(at, at + length))
      if (frame && length !== undefined) {
        if (frame.messageType === 'event') this.event(frame)
        at += length
      } else at++
      if (!frame && (length !== undefined || !this.lost)) this.broken++
      this.lost = !frame
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
    if (!this.document.markers.some((marker) => json.includes(marker))) return
    this.document.feed(new Chunk(json), 0, json.length)
    this.document.end()
  }
}

/** How Bedrock begins the payload of each chunk. */
const WRAPPER = Buffer.from('{"bytes":"')

/** The model's JSON inside of an InvokeModel chunk. Almost every one can be taken out without building the wrapper. */
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
