import {
  BACKSLASH,
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
import { Haystack, skip } from '../usage/json/search.ts'

/** A character as \uXXXX. Unit: bytes. */
const LONGEST_ESCAPE = 6
/** No request of any API has that many members in one object; to compare the names of a million costs a second. */
const MOST_MEMBERS = 10_000

/** Where a member's value stands: position of its first byte, and of the first one after it. */
export interface Place {
  readonly from: number
  readonly to: number
}

export interface Member extends Place {
  /** The name as it stands, but for escapes; else only a lenient upstream takes it for the name that is looked for. */
  readonly exact: boolean
}

export interface Members {
  /** The object has no member at all. */
  readonly empty: boolean
  /** Position after the object. */
  readonly end: number
  /** Under each name that was asked for the members that some upstream may take for it, in their order. */
  readonly found: ReadonlyMap<string, readonly Member[]>
}

/**
 * Some members of the object that starts at `open`. What their values hold is only passed over, so that 8 MB cost a few
 * milliseconds. undefined: it is no object, a broken one, or has more members than any request.
 * @param names of the members of interest
 */
export function membersAt(bytes: Buffer, open: number, names: Names): Members | undefined {
  const haystack = new Haystack(bytes)
  const found = new Map<string, Member[]>()
  if (bytes[open] !== OPEN_OBJECT) return undefined
  let at = afterSpace(bytes, open + 1)
  if (bytes[at] === CLOSE_OBJECT) return { empty: true, end: at + 1, found }
  for (let count = 0; count < MOST_MEMBERS; count++) {
    const nameEnd = bytes[at] === QUOTE ? valueEnd(haystack, at) : undefined
    if (nameEnd === undefined) return undefined
    const written = names.mayBe(bytes, at, nameEnd) ? nameAt(bytes, at, nameEnd) : ''
    if (written === undefined) return undefined
    const name = names.meant(written)
    at = afterSpace(bytes, nameEnd)
    if (bytes[at] !== COLON) return undefined
    const from = afterSpace(bytes, at + 1)
    const to = valueEnd(haystack, from)
    if (to === undefined) return undefined
    if (name !== undefined) {
      const earlier = found.get(name)
      const member = { from, to, exact: written === name }
      if (earlier) earlier.push(member)
      else found.set(name, [member])
    }
    at = afterSpace(bytes, to)
    if (bytes[at] === CLOSE_OBJECT) return { empty: false, end: at + 1, found }
    if (bytes[at] !== COMMA) return undefined
    at = afterSpace(bytes, at + 1)
  }
  return undefined
}

/**
 * Names of members, and which others an upstream may take for them: Go's decoder ignores case, even that of U+017F (ſ) and U+212A (K),
 * protobuf's takes camelCase for snake_case, and what reads C strings ends at a zero.
 * Source: Go, encoding/json, Unmarshal; the JSON mapping of protobuf.
 */
export class Names {
  readonly #meant: ReadonlyMap<string, string>
  readonly #shortest: number
  /** First letters in lower case, by code unit. */
  readonly #initials: ReadonlySet<number>

  /** @param names of which none is another one's variant */
  constructor(names: readonly string[]) {
    this.#meant = new Map(names.map((name) => [folded(name), name]))
    this.#shortest = Math.min(...[...this.#meant.keys()].map(({ length }) => length))
    this.#initials = new Set([...this.#meant.keys()].map((name) => name.charCodeAt(0)))
  }

  /** Whether a string of JSON is worth a look: most members of a long object are not. */
  mayBe(bytes: Buffer, from: number, to: number): boolean {
    const first = bytes[from + 1] as number
    if (to - from - 2 < this.#shortest) return false
    // What is no letter of ASCII may be one to somebody.
    return first >= 0x80 || first === BACKSLASH || !isLetter(first) || this.#initials.has(first | 0x20)
  }

  /** The name of those asked for that some upstream takes this one for. */
  meant(written: string): string | undefined {
    return written === '' ? undefined : this.#meant.get(folded(written))
  }
}

function folded(name: string): string {
  const end = name.indexOf('\0')
  // Upper case first: the only way from ſ to s.
  return (end < 0 ? name : name.slice(0, end)).toUpperCase().toLowerCase().replaceAll('_', '')
}

function isLetter(byte: number): boolean {
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x7a
}

/** What cannot be one of the names, because it is too long, is ''. undefined: its escapes are none of JSON's. */
function nameAt(bytes: Buffer, from: number, to: number): string | undefined {
  if (to - from > LONGEST_NAME) return ''
  const text = bytes.toString('utf8', from + 1, to - 1)
  if (!text.includes('\\')) return text
  try {
    return JSON.parse(`"${text}"`) as string
  } catch {
    return undefined
  }
}

/** No name of interest is half as long; each character may be an escape, and zeros may follow. Unit: bytes. */
const LONGEST_NAME = 64 * LONGEST_ESCAPE

/** Position of the first byte that is no white space. */
export function afterSpace(bytes: Buffer, from: number): number {
  let at = from
  while (at < bytes.length && KIND[bytes[at] as number] === SPACE) at++
  return at
}

function valueEnd(haystack: Haystack, from: number): number | undefined {
  const { bytes } = haystack
  const first = bytes[from]
  if (first === undefined) return undefined
  if (first === QUOTE || KIND[first] === OPEN) {
    const end = skip(haystack, from, bytes.length)
    return end < 0 ? undefined : end
  }
  let at = from
  while (at < bytes.length && KIND[bytes[at] as number] === WORD) at++
  return at > from ? at : undefined
}
