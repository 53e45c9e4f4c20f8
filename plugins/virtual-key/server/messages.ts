import { LONGEST_VALUE } from '../pdk.ts'

const NIL = Uint8Array.of(0xc0)

/**
 * Cuts a stream of bytes into whole MessagePack messages. kong-pdk's listener decodes everything again with every chunk that arrives,
 * which takes quadratic time (2 s on the only thread for a body of 20 MB), and treats two messages in one chunk as an error.
 * Source: the MessagePack specification, formats.
 */
export class Messages {
  #chunks: Uint8Array[] = []
  #length = 0
  /** Number of bytes that are needed before looking again makes sense. */
  #needed = 1
  /** Bytes that are still to come of a value that is too long. */
  #dropping = 0

  /** The messages that this chunk completes. @throws RangeError for bytes that are no MessagePack */
  push(piece: Uint8Array): Uint8Array[] {
    const dropped = Math.min(this.#dropping, piece.length)
    this.#dropping -= dropped
    if (this.#dropping > 0) return []
    const chunk = piece.subarray(dropped)
    this.#chunks.push(chunk)
    this.#length += chunk.length
    if (this.#length < this.#needed) return []
    const bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#length)
    const whole: Uint8Array[] = []
    let start = 0
    let end = messageEnd(bytes, start)
    while (typeof end === 'number' && end <= bytes.length) {
      whole.push(bytes.subarray(start, end))
      start = end
      end = messageEnd(bytes, start)
    }
    if (typeof end !== 'number') {
      this.#begin(bytes.subarray(start, end.from))
      this.#dropping = Math.max(0, end.to - bytes.length)
      return [...whole, ...this.push(bytes.subarray(end.to))]
    }
    const rest = bytes.subarray(start)
    this.#chunks = rest.length > 0 ? [rest] : []
    this.#length = rest.length
    this.#needed = end - start
    return whole
  }

  /** Starts again with the beginning of a message, in which nil replaces the value that is dropped. */
  #begin(before: Uint8Array): void {
    this.#chunks = [before, NIL]
    this.#length = before.length + NIL.length
    this.#needed = 0
  }
}

/**
 * Where the message that starts at `start` ends, or where a value in it is that is too long. A position beyond the bytes means that the
 * message is not complete and ends there at the earliest. Counts the values that are still to come instead of recursing, so that nesting
 * needs no stack.
 */
function messageEnd(
  bytes: Uint8Array,
  start: number,
): number | { readonly from: number; readonly to: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = start
  for (let values = 1; values > 0; values--) {
    const format = bytes[at]
    if (format === undefined) return at + values
    const sizeOfLength = lengthBytes(format)
    if (at + 1 + sizeOfLength > bytes.length) return at + 1 + sizeOfLength
    const length = sizeOfLength === 0 ? 0 : unsigned(view, at + 1, sizeOfLength)
    const from = at
    at += 1 + sizeOfLength
    if (format <= 0x7f || format >= 0xe0) continue
    if (format <= 0x8f) values += 2 * (format & 0x0f)
    else if (format <= 0x9f) values += format & 0x0f
    else if (format <= 0xbf) at += format & 0x1f
    else if (format === 0xdc || format === 0xdd) values += length
    else if (format === 0xde || format === 0xdf) values += 2 * length
    else if (length > LONGEST_VALUE) return { from, to: at + length + fixedBytes(format) }
    else at += length + fixedBytes(format)
  }
  return at
}

/** Bytes of the length that follows a format byte. */
function lengthBytes(format: number): number {
  switch (format) {
    case 0xc4:
    case 0xc7:
    case 0xd9:
      return 1
    case 0xc5:
    case 0xc8:
    case 0xda:
    case 0xdc:
    case 0xde:
      return 2
    case 0xc6:
    case 0xc9:
    case 0xdb:
    case 0xdd:
    case 0xdf:
      return 4
    default:
      return 0
  }
}

/** Bytes of a value whose format alone tells its size, and of the type byte of an extension. */
function fixedBytes(format: number): number {
  if (format >= 0xc7 && format <= 0xc9) return 1
  if (format === 0xca) return 4
  if (format === 0xcb) return 8
  if (format >= 0xcc && format <= 0xcf) return 1 << (format - 0xcc)
  if (format >= 0xd0 && format <= 0xd3) return 1 << (format - 0xd0)
  if (format >= 0xd4 && format <= 0xd8) return 1 + (1 << (format - 0xd4))
  if (format === 0xc1) throw new RangeError('0xc1 is no MessagePack format')
  return 0
}

function unsigned(view: DataView, at: number, size: number): number {
  return size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at) : view.getUint32(at)
}
