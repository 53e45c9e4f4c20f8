/** The bytes that JSON's grammar names (RFC 8259, 2), and those that end a line. */
export const QUOTE = 0x22
export const COMMA = 0x2c
export const COLON = 0x3a
export const BACKSLASH = 0x5c
export const OPEN_ARRAY = 0x5b
export const CLOSE_ARRAY = 0x5d
export const OPEN_OBJECT = 0x7b
export const CLOSE_OBJECT = 0x7d
export const LF = 0x0a
export const CR = 0x0d

/** Kinds of bytes outside of strings. `WORD`: a byte of a number or of true, false, null (NaN and Infinity occur). */
export const ILLEGAL = 0
export const SPACE = 1
export const WORD = 2
export const SEPARATOR = 3
export const OPEN = 4
export const CLOSE = 5
export const STRING = 6

/** Byte → its kind outside of strings. Letters that occur in no literal are illegal: they reveal a broken document. */
export const KIND = new Uint8Array(256)
for (const [kind, bytes] of [
  [SPACE, ' \t\r\n'],
  [WORD, '0123456789+-.eEtrufalsnNIiy'],
  [SEPARATOR, ',:'],
  [OPEN, '[{'],
  [CLOSE, ']}'],
  [STRING, '"'],
] as const) {
  for (const byte of Buffer.from(bytes)) KIND[byte] = kind
}

/** Position of the first byte at or after `from` that is not white space, or `end`. */
export function afterSpace(bytes: Uint8Array, from: number, end = bytes.length): number {
  let at = from
  while (at < end && KIND[bytes[at] as number] === SPACE) at++
  return at
}

const MARK = Buffer.from('\uFEFF')

/** Number of bytes to skip at the start of a body: a byte order mark, and blank lines that keep the connection alive. */
export function leading(bytes: Buffer): number {
  let at = afterSpace(bytes, 0)
  while (bytes.subarray(at, at + MARK.length).equals(MARK)) at = afterSpace(bytes, at + MARK.length)
  return at
}
