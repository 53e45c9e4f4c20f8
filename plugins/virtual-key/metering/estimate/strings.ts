import {
  BACKSLASH,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
} from '../../usage/json/bytes.ts'

const SPACES = new Set([0x20, 0x09, 0x0a, 0x0d])

/**
 * Called on the way through a document. `name` is that of the member with the value, or with the array that contains it, in lower case,
 * because some servers ignore the case of names.
 */
export interface Visitor {
  open(name: string): void
  close(): void
  member(name: string): void
  /** An element of an array begins. */
  element(name: string): void
  /** A string value, unescaped. */
  string(name: string, value: string): void
}

/**
 * Visits the strings of a JSON document in one pass, without building it. So the document may be incomplete, repeat its members, or be
 * nested more deeply than a recursion could follow.
 */
export function visitStrings(json: string, visitor: Visitor): void {
  /** The open containers: the name of each, and whether it is an array. */
  const names: string[] = []
  const arrays: boolean[] = []
  let name = ''
  let starts = false
  for (let at = 0; at < json.length; at++) {
    const char = json.charCodeAt(at)
    if (SPACES.has(char)) continue
    if (starts && char !== CLOSE_ARRAY) visitor.element(name)
    starts = false
    if (char === QUOTE) {
      const end = stringEnd(json, at + 1)
      const value = unescaped(json.slice(at + 1, end))
      at = end
      const isArray = arrays.at(-1) ?? false
      if (!isArray && json.charCodeAt(afterSpace(json, end + 1)) === COLON) {
        name = folded(value)
        visitor.member(name)
      } else visitor.string(name, value)
    } else if (char === OPEN_OBJECT || char === OPEN_ARRAY) {
      names.push(name)
      arrays.push(char === OPEN_ARRAY)
      starts = char === OPEN_ARRAY
      visitor.open(name)
    } else if (char === CLOSE_OBJECT || char === CLOSE_ARRAY) {
      names.pop()
      arrays.pop()
      name = names.at(-1) ?? ''
      visitor.close()
    } else if (char === COMMA) {
      name = names.at(-1) ?? ''
      starts = arrays.at(-1) ?? false
    }
  }
}

/** Position of the quote that ends the string which starts at `from`; the text's length if the end is missing. */
export function stringEnd(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0
    while (at - backslashes > from && text.charCodeAt(at - backslashes - 1) === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return at
  }
  return text.length
}

/** The value of a JSON string; the unchanged characters if the string is cut off in an escape, or is invalid. */
export function unescaped(string: string): string {
  if (!string.includes('\\')) return string
  try {
    return JSON.parse(`"${string.replaceAll('\n', '\\n')}"`) as string
  } catch {
    return string
  }
}

function afterSpace(text: string, from: number): number {
  let at = from
  while (SPACES.has(text.charCodeAt(at))) at++
  return at
}

/** Folds case as Go does when it compares member names: U+017F is an s, and the Kelvin sign a k. */
export function folded(name: string): string {
  return name.toUpperCase().toLowerCase()
}
