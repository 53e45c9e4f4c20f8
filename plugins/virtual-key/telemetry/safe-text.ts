/**
 * Texts of others (key ids, answers of webhooks and of Kong) as a terminal or a log viewer may have them. Control characters (C0, DEL
 * and C1, which hold the escape sequences of terminals), line separators and format characters (the bidirectional ones among them)
 * would move the cursor, colour the screen, forge a line or show a text in another order than it has.
 */

/** The character class, for a regular expression with the flag `u`. */
export const UNSAFE = String.raw`\p{Cc}\p{Cf}\p{Zl}\p{Zp}`

const UNSAFE_IN_LINE = new RegExp(`[${UNSAFE}]`, 'gu')
const UNSAFE_RUN = new RegExp(`[${UNSAFE}]+`, 'gu')
const UNSAFE_IN_TEXT = new RegExp(`(?!\n)[${UNSAFE}]`, 'gu')

/** Each unsafe character but the line feed as `\uXXXX`. JSON stays the same JSON. */
export function safeText(text: string): string {
  return text.replace(UNSAFE_IN_TEXT, escaped)
}

/** Each unsafe character as `\uXXXX`, the line feed too. */
export function safeLine(text: string): string {
  return text.replace(UNSAFE_IN_LINE, escaped)
}

/** Longest text that `printable` keeps. Unit: characters. */
const MOST_KEPT = 500

/**
 * The start of a text as one line: each run of unsafe characters becomes a blank.
 * @param hidden texts that are replaced by `***`: a receiver may send back the credentials it got
 */
export function printable(text: string, hidden: readonly string[] = []): string {
  const shown = hidden
    .filter((secret) => secret !== '')
    .reduce((rest, secret) => rest.replaceAll(secret, '***'), text)
  return shown.replace(UNSAFE_RUN, ' ').trim().slice(0, MOST_KEPT)
}

/** As JSON writes it: two units where a character has two. */
function escaped(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
}
