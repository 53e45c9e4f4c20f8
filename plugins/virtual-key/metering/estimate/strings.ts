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
 * What is met on the way through a document. `name`: of the member that holds a value, or that holds the array which it is in; in
 * lower case, because some servers match names so.
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
 * Walks over the strings of a JSON document, in one pass and without building it, so that a document may lack its end, be nested
 * deeper than calls can be, or repeat its members.
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

/** Position of the quote that ends the string which starts at `from`; the text's length where its end is missing. */
export function stringEnd(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0
    while (at - backslashes > from && text.charCodeAt(at - backslashes - 1) === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return at
  }
  return text.length
}

/** A JSON string's value; of one that was cut off in an escape, or is none, the characters as they stand. */
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

/** As Go compares member names: U+017F is an s, and the Kelvin sign a k. */
export function folded(name: string): string {
  return name.toUpperCase().toLowerCase()
}
