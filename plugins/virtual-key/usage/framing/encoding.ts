import * as zlib from 'node:zlib'
import { unzstd } from './zstd.ts'

/** Largest body after decoding, in bytes: the memory that a decompression bomb can take for a moment. */
const DECODED_MAX = 64 * 1024 * 1024

/** Content codings (RFC 9110, 8.4.1; RFC 8878). `deflate` means zlib (RFC 1950) there, but some servers send raw deflate (RFC 1951). */
export type Coding = 'gzip' | 'zlib' | 'raw-deflate' | 'br' | 'zstd'

const NAMES: ReadonlyMap<string, readonly Coding[]> = new Map([
  ['gzip', ['gzip']],
  ['x-gzip', ['gzip']],
  ['deflate', ['zlib', 'raw-deflate']],
  ['br', ['br']],
  ['zstd', ['zstd']],
] as const)

/** The beginning of an SSE field or comment, of JSON, or of markup. */
const TEXT_START = /^[\s\uFEFF]*[{[:<a-z]/i

/** Number of bytes that distinguish text from compressed data, which almost certainly has a control character among that many. */
const TEXT_SAMPLE = 64
const CONTROL = /[^\P{Cc}\t\r\n]/u

/** The known codings in Content-Encoding, outermost first, each with its possible decoders. */
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

/** The coding that can be recognised by the first bytes. Brotli and raw deflate have no signature. */
export function signature(bytes: Uint8Array): Coding | undefined {
  const [a = 0, b = 0, c = 0, d = 0] = bytes
  if (a === 0x1f && b === 0x8b) return 'gzip'
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return 'zstd'
  return a === 0x78 && (a * 256 + b) % 31 === 0 ? 'zlib' : undefined
}

/** Whether the bytes are already text, because a proxy has decoded them and left the header Content-Encoding. */
export function isText(bytes: Uint8Array): boolean {
  const sample = Buffer.from(bytes.subarray(0, TEXT_SAMPLE)).toString()
  return TEXT_START.test(sample) && !CONTROL.test(sample)
}

/**
 * Decodes one layer with the first coding that fits. Never throws: undefined if none fits or the result would be too large. Of an
 * incomplete body it returns as much as there is.
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

/** What newer runtimes have, but the types of the oldest supported one do not. */
interface NewerZlib {
  readonly zstdDecompressSync?: (
    bytes: Uint8Array,
    options: { maxOutputLength: number; finishFlush: number | undefined },
  ) => Uint8Array
  readonly constants: { readonly ZSTD_e_flush?: number }
}
