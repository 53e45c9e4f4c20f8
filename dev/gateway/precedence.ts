/** Ids of what a plugin configuration is bound to; none means global. */
export interface Scope {
  readonly route?: string
  readonly service?: string
  readonly consumer?: string
}

/** Kong's order, the most specific first: of the configurations of one plugin exactly one applies to a request. */
const ORDER: readonly (readonly (keyof Scope)[])[] = [
  ['route', 'service', 'consumer'],
  ['route', 'consumer'],
  ['service', 'consumer'],
  ['route', 'service'],
  ['consumer'],
  ['route'],
  ['service'],
  [],
]

export function scopeKey(scope: Scope): string {
  return `${scope.route ?? ''}:${scope.service ?? ''}:${scope.consumer ?? ''}`
}

/** @param configurations of one plugin by scopeKey  @param request what the request belongs to */
export function mostSpecific<T>(configurations: ReadonlyMap<string, T>, request: Scope): T | undefined {
  for (const parts of ORDER) {
    if (!parts.every((part) => request[part] !== undefined)) continue
    const scope = Object.fromEntries(parts.map((part) => [part, request[part]]))
    const found = configurations.get(scopeKey(scope))
    if (found !== undefined) return found
  }
  return undefined
}
