/** JSON in which nothing is left that a terminal would obey: ids and settings come from clients. */
export function json(value: unknown, indent?: number): string {
  // Line breaks inside texts are escaped already, those between members are ours.
  return JSON.stringify(value, null, indent).replace(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escaped)
}

function escaped(text: string): string {
  return text
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
}
