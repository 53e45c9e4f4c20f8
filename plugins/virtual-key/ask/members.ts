import {
  CLOSE_OBJECT,
  COLON,
  COMMA,
  KIND,
  OPEN,
  OPEN_OBJECT,
  QUOTE,
  SPACE,
  WORD,
} from '../usage/json/bytes.ts'
import { Chunk } from '../usage/json/chunk.ts'
import { Skip } from '../usage/json/skip.ts'

/** A character as \uXXXX. Unit: bytes. */
const LONGEST_ESCAPE = 6

/** Where a member's value stands: position of its first byte, and of the first one after it. */
export interface Place {
  readonly from: number
  readonly to: number
}

export interface Members {
  /** The object has no member at all. */
  readonly empty: boolean
  /** Of repeated members the last one, as in every JSON parser. */
  readonly places: ReadonlyMap<string, Place>
}

/**
 * Some members of the object that starts at `open`. What their values hold is only passed over, so that 8 MB cost a few
 * milliseconds. undefined: it is no object, or a broken one.
 * @param names of the members of interest; short ones
 */
export function membersAt(bytes: Buffer, open: number, names: readonly string[]): Members | undefined {
  const chunk = new Chunk(bytes)
  const places = new Map<string, Place>()
  if (bytes[open] !== OPEN_OBJECT) return undefined
  let at = afterSpace(bytes, open + 1)
  if (bytes[at] === CLOSE_OBJECT) return { empty: true, places }
  for (;;) {
    const nameEnd = bytes[at] === QUOTE ? valueEnd(chunk, at) : undefined
    if (nameEnd === undefined) return undefined
    const name = names.find((one) => spells(bytes, at, nameEnd, one))
    at = afterSpace(bytes, nameEnd)
    if (bytes[at] !== COLON) return undefined
    const from = afterSpace(bytes, at + 1)
    const to = valueEnd(chunk, from)
    if (to === undefined) return undefined
    if (name !== undefined) places.set(name, { from, to })
    at = afterSpace(bytes, to)
    if (bytes[at] === CLOSE_OBJECT) return { empty: false, places }
    if (bytes[at] !== COMMA) return undefined
    at = afterSpace(bytes, at + 1)
  }
}

/** Position of the first byte that is no white space. */
function afterSpace(bytes: Buffer, from: number): number {
  let at = from
  while (at < bytes.length && KIND[bytes[at] as number] === SPACE) at++
  return at
}

function valueEnd(chunk: Chunk, from: number): number | undefined {
  const { bytes } = chunk
  const first = bytes[from]
  if (first === undefined) return undefined
  if (first === QUOTE || KIND[first] === OPEN) {
    const skip = new Skip()
    skip.begin(first)
    const end = skip.run(chunk, from + 1, bytes.length)
    return skip.done ? end : undefined
  }
  let at = from
  while (at < bytes.length && KIND[bytes[at] as number] === WORD) at++
  return at > from ? at : undefined
}

/** Whether the string from its quote to after its quote is this name. With escapes too: "stream\u005foptions". */
function spells(bytes: Buffer, from: number, to: number, name: string): boolean {
  const length = to - from - 2
  if (length === name.length) return bytes.toString('latin1', from + 1, to - 1) === name
  if (length < name.length || length > name.length * LONGEST_ESCAPE) return false
  try {
    return JSON.parse(bytes.toString('utf8', from, to)) === name
  } catch {
    return false
  }
}
