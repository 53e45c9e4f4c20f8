import * as zlib from 'node:zlib'
import { unzstd } from './zstd.ts'

/** Largest body after decoding, in bytes: what a decompression bomb can cost for a moment before it is refused. */
const DECODED_MAX = 64 * 1024 * 1024

/** Content codings (RFC 9110, 8.4.1; RFC 8878). `deflate` means zlib there (RFC 1950), but is sent raw (RFC 1951) too. */
export type Coding = 'gzip' | 'zlib' | 'raw-deflate' | 'br' | 'zstd'

const NAMES: ReadonlyMap<string, readonly Coding[]> = new Map([
  ['gzip', ['gzip']],
  ['x-gzip', ['gzip']],
  ['deflate', ['zlib', 'raw-deflate']],
  ['br', ['br']],
  ['zstd', ['zstd']],
] as const)

/** An SSE field or comment, JSON, or markup. */
const TEXT_START = /^[\s\uFEFF]*[{[:<a-z]/i

/** Bytes looked at to tell text from compressed data, which has a control character in so many almost surely. */
const TEXT_SAMPLE = 64
const CONTROL = /[^\P{Cc}\t\r\n]/u

/** The codings that Content-Encoding names and this module knows, outermost first, each with its readings. */
export function codings(contentEncoding: string | undefined): (readonly Coding[])[] {
  if (!contentEncoding) return []
  const names = contentEncoding.toLowerCase().split(',')
  return names.flatMap((name) => [NAMES.get(name.trim()) ?? []].filter((known) => known.length > 0)).reverse()
}

/** Whether a body in this content coding can be read. `name`: as in Accept-Encoding or Content-Encoding, without parameters. */
export function isDecodable(name: string): boolean {
  const coding = name.trim().toLowerCase()
  return coding === 'identity' || NAMES.has(coding)
}

/** The coding that the bytes show by themselves. Brotli and raw deflate have no signature. */
export function signature(bytes: Uint8Array): Coding | undefined {
  const [a = 0, b = 0, c = 0, d = 0] = bytes
  if (a === 0x1f && b === 0x8b) return 'gzip'
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return 'zstd'
  return a === 0x78 && (a * 256 + b) % 31 === 0 ? 'zlib' : undefined
}

/** Whether the bytes are text as they stand, so that a Content-Encoding is left over from before some proxy decoded it. */
export function isText(bytes: Uint8Array): boolean {
  const sample = Buffer.from(bytes.subarray(0, TEXT_SAMPLE)).toString()
  return TEXT_START.test(sample) && !CONTROL.test(sample)
}

/**
 * Decodes one layer; the first coding that fits wins. Never throws: undefined when none fits or the result would be too
 * large. Of a body cut short it gives what is there.
 */
export function decode(bytes: Uint8Array, candidates: readonly Coding[]): Uint8Array | undefined {
  for (const coding of candidates) {
    try {
      return decodeAs(coding, bytes)
    } catch {
      // Not this coding, or damaged: zlib reports that by throwing, and the next candidate may fit.
    }
  }
  return undefined
}

function decodeAs(coding: Coding, bytes: Uint8Array): Uint8Array {
  const { constants } = zlib
  const deflate = { maxOutputLength: DECODED_MAX, finishFlush: constants.Z_SYNC_FLUSH }
  switch (coding) {
    case 'gzip':
      return zlib.gunzipSync(bytes, deflate)
    case 'zlib':
      return zlib.inflateSync(bytes, deflate)
    case 'raw-deflate':
      return zlib.inflateRawSync(bytes, deflate)
    case 'br':
      return zlib.brotliDecompressSync(bytes, {
        maxOutputLength: DECODED_MAX,
        finishFlush: constants.BROTLI_OPERATION_FLUSH,
      })
    case 'zstd':
      return zstd(bytes)
  }
}

function zstd(bytes: Uint8Array): Uint8Array {
  const { zstdDecompressSync, constants } = zlib as NewerZlib
  if (!zstdDecompressSync) return unzstd(bytes, DECODED_MAX)
  return zstdDecompressSync(bytes, {
    maxOutputLength: DECODED_MAX,
    finishFlush: constants.ZSTD_e_flush,
  })
}

/** What newer runtimes have and the types of the oldest supported one do not. */
interface NewerZlib {
  readonly zstdDecompressSync?: (
    bytes: Uint8Array,
    options: { maxOutputLength: number; finishFlush: number | undefined },
  ) => Uint8Array
  readonly constants: { readonly ZSTD_e_flush?: number }
}
