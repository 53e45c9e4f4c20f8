import { BACKSLASH, COLON, COMMA, KIND, QUOTE, SPACE, WORD } from './bytes.ts'
import type { FactSheet } from './facts.ts'
import { literalOf } from './literal.ts'
import type { PathNode } from './paths.ts'
import { memberOf } from './paths.ts'
import type { Texts } from './texts.ts'

/** Longer strings are searched natively instead, in bytes. */
const SHORT_STRING = 64

/**
 * The fast way over members of an object of interest that lie whole in these bytes: a name without escapes, a short
 * string without escapes, a number or a literal, and the comma after it. Almost all are such. Starts where a name is
 * expected; returns the position after the last comma it took, where a name is expected again.
 */
export function members(
  bytes: Buffer,
  from: number,
  end: number,
  node: PathNode,
  facts: FactSheet,
  texts: Texts,
): number {
  let next = from
  for (;;) {
    let at = next
    while (at < end && KIND[bytes[at] as number] === SPACE) at++
    if (at >= end || bytes[at] !== QUOTE) return next
    const name = ++at
    let byte = 0
    while (at < end) {
      byte = bytes[at] as number
      if (byte === QUOTE || byte === BACKSLASH) break
      at++
    }
    if (at + 2 >= end || byte === BACKSLASH || bytes[at + 1] !== COLON) return next
    const nameEnd = at
    at += 2
    if (KIND[bytes[at] as number] === SPACE) at++
    const value = at
    byte = bytes[at] as number
    if (byte === QUOTE) {
      const near = at + SHORT_STRING < end ? at + SHORT_STRING : end
      while (++at < near) {
        byte = bytes[at] as number
        if (byte === QUOTE || byte === BACKSLASH) break
      }
      if (at + 1 >= end || byte !== QUOTE || at === near || bytes[at + 1] !== COMMA) return next
      const member = memberOf(node, bytes, name, nameEnd)
      if (member?.slot !== undefined) facts.put(member, texts.of(bytes, value + 1, at))
      next = at + 2
    } else {
      while (at < end && KIND[bytes[at] as number] === WORD) at++
      if (at === value || at >= end || bytes[at] !== COMMA) return next
      const member = memberOf(node, bytes, name, nameEnd)
      if (member?.slot !== undefined) facts.put(member, literalOf(bytes, value, at))
      next = at + 1
    }
  }
}
