/** A query argument without `=` is true in Kong, not an empty string. */
export type QueryValue = string | true

/** Arguments in the order in which they stand, at most `max` as in Kong. */
export function queryArguments(query: string | undefined, max = 100): Map<string, QueryValue[]> {
  const found = new Map<string, QueryValue[]>()
  if (!query) return found
  let left = max
  for (const part of query.split('&')) {
    const equals = part.indexOf('=')
    const name = unescaped(equals < 0 ? part : part.slice(0, equals))
    if (name === '' || left-- <= 0) continue
    const value: QueryValue = equals < 0 ? true : unescaped(part.slice(equals + 1))
    const values = found.get(name)
    if (values) values.push(value)
    else found.set(name, [value])
  }
  return found
}

/** @returns the query without one argument, the others untouched */
export function withoutArgument(query: string | undefined, name: string): string | undefined {
  return query
    ?.split('&')
    .filter((part) => unescaped(part.split('=', 1)[0] ?? '') !== name)
    .join('&')
}

function unescaped(text: string): string {
  return unescapedBytes(text).toString('utf8')
}

/** As nginx does: a broken escape stays as it is. */
export function unescapedBytes(text: string): Buffer {
  const bytes = text
    .replaceAll('+', ' ')
    .replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1')
}
