/** Ids of what a plugin configuration is bound to, or a request belongs to; none means every request. */
export interface Scope {
  readonly route?: string
  readonly service?: string
  readonly consumer?: string
}

/**
 * Kong's order, the most specific first: of the configurations of one plugin exactly one applies to a request.
 * Source: Kong 3.9, kong/runloop/plugins_iterator.lua, lookup_cfg.
 */
export const PRECEDENCE: readonly (readonly (keyof Scope)[])[] = [
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

/**
 * The configuration that a request gets.
 * @param configurations of one plugin by scopeKey, without those that are disabled: they hide no other
 * @param request what the request belongs to; without a consumer if that is unknown, or not known yet
 */
export function mostSpecific<T>(configurations: ReadonlyMap<string, T>, request: Scope): T | undefined {
  for (const parts of PRECEDENCE) {
    if (!parts.every((part) => request[part] !== undefined)) continue
    const scope = Object.fromEntries(parts.map((part) => [part, request[part]]))
    const found = configurations.get(scopeKey(scope))
    if (found !== undefined) return found
  }
  return undefined
}

/** The ids in an entity's references. */
export function scopeOf(entity: object): Scope {
  const { route, service, consumer } = entity as {
    readonly [N in keyof Scope]?: { readonly id: string } | null
  }
  return {
    ...(route && { route: route.id }),
    ...(service && { service: service.id }),
    ...(consumer && { consumer: consumer.id }),
  }
}
