/** The bytes that JSON's grammar names (RFC 8259, 2). */
export const QUOTE = 0x22
export const COMMA = 0x2c
export const COLON = 0x3a
export const BACKSLASH = 0x5c
export const OPEN_ARRAY = 0x5b
export const CLOSE_ARRAY = 0x5d
export const OPEN_OBJECT = 0x7b
export const CLOSE_OBJECT = 0x7d

/** What a byte can be outside of a string. `WORD`: a byte of a number or of true, false, null (NaN and Infinity occur). */
export const ILLEGAL = 0
export const SPACE = 1
export const WORD = 2
export const SEPARATOR = 3
export const OPEN = 4
export const CLOSE = 5
export const STRING = 6

/** Byte → what it can be outside of a string. Letters that no literal has are illegal: they show a broken document. */
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
