import { AUTHENTICATORS } from '../../schema/kong/authenticators.ts'

/** A plugin entity as the Admin API lists it. Its configuration may hold secrets. */
export interface PluginEntity {
  readonly id: string
  readonly name: string
  readonly enabled: boolean
  readonly route: { readonly id: string } | null
  readonly service: { readonly id: string } | null
  readonly consumer?: { readonly id: string } | null
  readonly config: Readonly<Record<string, unknown>>
}

export interface Route {
  readonly id: string
  readonly name: string
  /** Id of its service. */
  readonly service: string | undefined
}

type Scope = 'route' | 'service' | 'consumer'

/**
 * The one configuration of a plugin that a request gets is that of the first of these scopes. Source: Kong 3.9,
 * kong/runloop/plugins_iterator.lua, lookup_cfg.
 */
const ORDER: ReadonlyArray<readonly Scope[]> = [
  ['route', 'service', 'consumer'],
  ['route', 'consumer'],
  ['service', 'consumer'],
  ['route', 'service'],
  ['consumer'],
  ['route'],
  ['service'],
  [],
]

/** Which plugin configuration applies where. Configurations that are not enabled hide no other. */
export class Precedence {
  readonly #routes: readonly Route[]
  readonly #plugins = new Map<string, PluginEntity>()

  constructor(plugins: readonly PluginEntity[], routes: readonly Route[]) {
    this.#routes = routes
    for (const one of plugins) {
      const { name, route, service, consumer } = one
      if (one.enabled) this.#plugins.set(placeOf(name, route?.id, service?.id, consumer?.id), one)
    }
  }

  /** The plugin that a request on the route gets, made by that consumer; undefined: by nobody in particular. */
  on(route: Route, name: string, consumer?: string): PluginEntity | undefined {
    const at = { route: route.id, service: route.service, consumer }
    for (const scopes of ORDER) {
      if (scopes.some((scope) => at[scope] === undefined)) continue
      const part = (scope: Scope) => (scopes.includes(scope) ? at[scope] : undefined)
      const found = this.#plugins.get(placeOf(name, part('route'), part('service'), part('consumer')))
      if (found !== undefined) return found
    }
    return undefined
  }

  /** The plugins that can tell who calls. They run before anybody is known. */
  authenticators(route: Route): PluginEntity[] {
    return AUTHENTICATORS.flatMap(({ name }) => this.on(route, name) ?? [])
  }

  /** Routes whose requests get this configuration. A consumer's applies only where somebody is known. */
  routesOf({ id, consumer }: { readonly id: string; readonly consumer: string | undefined }): Route[] {
    return this.#routes.filter(
      (route) =>
        this.on(route, 'virtual-key', consumer)?.id === id &&
        (consumer === undefined || this.authenticators(route).length > 0),
    )
  }
}

function placeOf(name: string, route: string | undefined, service?: string, consumer?: string): string {
  return [name, route, service, consumer].join(':')
}
