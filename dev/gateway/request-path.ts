/**
 * The path Kong routes by: unreserved characters unescaped, dot segments and doubled slashes gone, so that `/a/../b`
 * cannot slip past the route (and its plugins) that `/b` has.
 * @param target as in the request line, without its query
 */
export function normalizedPath(target: string): string {
  const decoded = target.replace(/%([0-9a-fA-F]{2})/g, (escaped, hex: string) => {
    const char = String.fromCharCode(Number.parseInt(hex, 16))
    return /[A-Za-z0-9\-._~]/.test(char) ? char : escaped.toUpperCase()
  })
  const kept: string[] = []
  const segments = decoded.split('/').slice(1)
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1
    if (segment === '..') kept.pop()
    else if (segment !== '.' && segment !== '') kept.push(segment)
    if (last && (segment === '' || segment === '.' || segment === '..') && kept.length > 0) kept.push('')
  }
  return `/${kept.join('/')}`
}

/**
 * The path sent upstream, path handling v0.
 * @param base the service's path  @param path of the request, normalized
 * @param rest what follows the part that the route matched; undefined: nothing is stripped
 */
export function upstreamPath(base: string | undefined, path: string, rest: string | undefined): string {
  const root = base ?? '/'
  const bare = root.endsWith('/') ? root.slice(0, -1) : root
  if (rest === undefined) {
    if (root.endsWith('/')) return `${bare}${path}`
    return path === '/' ? root : `${root}${path}`
  }
  if (rest !== '') return rest.startsWith('/') ? `${bare}${rest}` : `${bare}/${rest}`
  if (root === '/') return '/'
  if (root.endsWith('/')) return path.endsWith('/') ? root : bare
  return path.length > 1 && path.endsWith('/') ? `${root}/` : root
}
