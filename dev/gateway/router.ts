import type { Route } from './entities.ts'

type Routed = Pick<Route, 'paths' | 'methods' | 'hosts' | 'regex_priority'>

export interface Match<R extends Routed = Route> {
  readonly route: R
  /** the part of the path that the route's path matched */
  readonly prefix: string
  /** what follows it */
  readonly rest: string
}

interface Candidate<R> {
  readonly route: R
  readonly weight: readonly number[]
  readonly methods: ReadonlySet<string> | undefined
  readonly hosts: readonly RegExp[] | undefined
  readonly path: (path: string) => number
}

export type Router<R extends Routed = Route> = (
  method: string,
  host: string,
  path: string,
) => Match<R> | undefined

/**
 * Kong's order of routes: more kinds of attributes first, then plain hosts before wildcards, regular expressions before
 * prefixes, regex_priority, and the longer prefix. Routes that are equal in all of it keep their order in the file.
 */
export function createRouter<R extends Routed>(routes: readonly R[]): Router<R> {
  const candidates = routes
    .flatMap((route) => candidatesOf(route))
    .sort((a, b) => heavier(a.weight, b.weight))
  return (method, host, path) => {
    for (const candidate of candidates) {
      if (candidate.methods && !candidate.methods.has(method)) continue
      if (candidate.hosts && !candidate.hosts.some((pattern) => pattern.test(host))) continue
      const matched = candidate.path(path)
      if (matched >= 0)
        return { route: candidate.route, prefix: path.slice(0, matched), rest: path.slice(matched) }
    }
    return undefined
  }
}

function candidatesOf<R extends Routed>(route: R): Candidate<R>[] {
  const kinds = [route.paths, route.methods, route.hosts].filter((list) => list && list.length > 0).length
  const plainHosts =
    route.hosts?.some((host) => !host.includes('*')) && !route.hosts.some((h) => h.includes('*'))
  return (route.paths ?? [undefined]).map((path) => {
    const regex = path?.startsWith('~') ?? false
    return {
      route,
      weight: [
        kinds,
        plainHosts ? 1 : 0,
        regex ? 1 : 0,
        regex ? route.regex_priority : 0,
        regex ? 0 : (path?.length ?? 0),
      ],
      methods: route.methods && new Set(route.methods),
      hosts: route.hosts?.map(hostPattern),
      path: path === undefined ? () => 0 : regex ? regexLength(path) : prefixLength(path),
    }
  })
}

function heavier(a: readonly number[], b: readonly number[]): number {
  for (const [index, weight] of a.entries()) {
    const difference = (b[index] ?? 0) - weight
    if (difference !== 0) return difference
  }
  return 0
}

function prefixLength(prefix: string): (path: string) => number {
  return (path) => (path.startsWith(prefix) ? prefix.length : -1)
}

function regexLength(path: string): (path: string) => number {
  const pattern = new RegExp(`^(?:${path.slice(1)})`)
  return (candidate) => pattern.exec(candidate)?.[0].length ?? -1
}

/** A host without a port matches any port. */
function hostPattern(host: string): RegExp {
  const escaped = host.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace('*', '.+')
  return new RegExp(`^${escaped}${/:\d+$/.test(host) ? '' : '(?::\\d+)?'}$`, 'i')
}
