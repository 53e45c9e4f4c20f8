import { decompress } from 'fzstd'

/** RFC 8878, 3.1.1 and 3.1.2. */
const MAGIC = 0xfd2fb528
const SKIPPABLE = 0x184d2a50
const CHECKSUM_FLAG = 4
const RLE = 1
const RESERVED = 3

/** Largest block after decoding, in bytes; fzstd needs this much room after the last block. */
const BLOCK_MAX = 128 * 1024

/** Most frames and blocks that are read in one body. Each costs some time, however small it is; a stream has one for each event. */
const PARTS_MAX = 100_000

/** Marks the end of the decoded bytes, which fzstd does not report when it writes into memory of limited size. */
const END = Buffer.from('3b9aca07e15c4d2f91a6c8537f20be64', 'hex')

/** Header of a raw block with END that is the last block of its frame. */
const END_HEADER = Buffer.from([(END.length << 3) | 1, 0, 0])

/** One frame, up to the end of its last whole block. */
interface Frame {
  readonly bytes: Buffer
  /** Position of the last whole block's header; -1 if there is none. */
  readonly lastBlock: number
  /** Position after the frame in the source. */
  readonly end: number
  /** Decoded length of its raw and run-length blocks alone. Unit: bytes. */
  readonly least: number
  readonly blocks: number
}

/** Room for the result in the first try, in bytes and in multiples of the body's length; each further try takes more. */
const ROOM_MIN = 256 * 1024
const ROOM_FACTOR = 16
const ROOM_STEP = 8

/**
 * Decodes zstd if the runtime cannot (node:zlib before 22.15): all frames, and of an incomplete body as much as there is.
 * Throws when the bytes are not zstd, damaged, or decode to more than `max` bytes.
 */
export function unzstd(bytes: Uint8Array, max: number): Uint8Array {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let room = Math.max(ROOM_MIN, ROOM_FACTOR * source.length); room < max; room *= ROOM_STEP) {
    try {
      return decodeFrames(source, room)
    } catch {
      // Either the room was too small or the data are damaged: the decoder fails in the same way.
    }
  }
  return decodeFrames(source, max)
}

function decodeFrames(source: Buffer, max: number): Uint8Array {
  const out = Buffer.alloc(max + BLOCK_MAX)
  let length = 0
  let at = 0
  for (let parts = 0; at < source.length; parts++) {
    const skipped = afterSkippable(source, at)
    if (skipped === undefined) {
      const frame = frameAt(source, at)
      parts += frame.blocks
      if (parts > PARTS_MAX) throw new RangeError(`zstd: more than ${PARTS_MAX} frames and blocks`)
      if (length + frame.least > max) throw new RangeError(`zstd: more than ${max} bytes`)
      length += decodeInto(out.subarray(length), frame)
      at = frame.end
    } else at = skipped
  }
  return out.subarray(0, length)
}

/** Number of bytes written. Decoding straight into one buffer spares the copying of a window for each block. */
function decodeInto(out: Buffer, { bytes, lastBlock }: Frame): number {
  if (lastBlock < 0) return 0
  const marked = Buffer.concat([bytes, END_HEADER, END])
  marked.writeUInt8(marked.readUInt8(lastBlock) & 0xfe, lastBlock)
  // fzstd compares its memory by `== 1`, which would convert all of it to text first.
  decompress(marked, Object.assign(out, { valueOf: () => 0 }))
  const length = out.indexOf(END)
  if (length < 0 || length + BLOCK_MAX > out.length) throw new RangeError('zstd: too large')
  return length
}

/** Position after the skippable frame at `at`; undefined if the frame there is not skippable. */
function afterSkippable(source: Buffer, at: number): number | undefined {
  if (at + 8 > source.length || (source.readUInt32LE(at) & 0xfffffff0) !== SKIPPABLE) return undefined
  return at + 8 + source.readUInt32LE(at + 4)
}

function frameAt(source: Buffer, from: number): Frame {
  const start = from + headerLength(source, from)
  let at = start
  let lastBlock = -1
  let least = 0
  let blocks = 0
  let last = false
  while (!last && at + 3 <= source.length) {
    const header = source.readUIntLE(at, 3)
    const kind = (header >> 1) & 3
    const size = header >> 3
    const next = at + 3 + (kind === RLE ? 1 : size)
    if (kind === RESERVED || size > BLOCK_MAX) throw new Error(`zstd: no block at ${at}`)
    if (next > source.length) break
    last = (header & 1) === 1
    if (kind <= RLE) least += size
    lastBlock = at - from
    blocks++
    at = next
  }
  const checksum = (source[from + 4] as number) & CHECKSUM_FLAG ? 4 : 0
  return {
    bytes: source.subarray(from, at),
    lastBlock,
    end: last ? at + checksum : source.length,
    least,
    blocks,
  }
}

/** Length of a frame's header, in bytes: magic, descriptor, window, dictionary, content size. */
function headerLength(source: Buffer, at: number): number {
  if (at + 6 > source.length || source.readUInt32LE(at) !== MAGIC) throw new Error(`zstd: no frame at ${at}`)
  const descriptor = source[at + 4] as number
  const single = (descriptor >> 5) & 1
  const dictionary = [0, 1, 2, 4][descriptor & 3] as number
  const size = descriptor >> 6 ? 1 << (descriptor >> 6) : single
  return 5 + (1 - single) + dictionary + size
}
