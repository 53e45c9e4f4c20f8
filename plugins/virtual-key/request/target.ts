/**
 * The path of a request in the one way in which servers may read it: dots resolved, escapes decoded, in lower case.
 * @param target path and query as they stand in the request line
 */
export function pathOf(target: string): string {
  const { pathname } = new URL(`http://host${target}`)
  return pathname
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .toLowerCase()
}
