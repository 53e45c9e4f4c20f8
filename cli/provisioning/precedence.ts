import { AUTHENTICATORS } from '../../schema/kong/authenticators.ts'
import type { Plugin as KongPlugin } from '../../schema/kong/entities.ts'
import { mostSpecific, type Scope, scopeKey, scopeOf } from '../../schema/kong/precedence.ts'

export interface Route {
  readonly id: string
  readonly name: string
  /** Id of its service. */
  readonly service: string | undefined
}

type Pluggable = Pick<KongPlugin, 'id' | 'name' | 'enabled' | 'config' | 'route' | 'service'> & {
  readonly consumer?: KongPlugin['consumer']
}

/** Which plugin configuration applies where. A disabled configuration does not hide a less specific one. */
export class Precedence<P extends Pluggable> {
  readonly #routes: readonly Route[]
  /** By the plugin's name and scopeKey. */
  readonly #plugins = new Map<string, Map<string, P>>()

  constructor(plugins: readonly P[], routes: readonly Route[]) {
    this.#routes = routes
    for (const one of plugins) {
      if (!one.enabled) continue
      const own = this.#plugins.get(one.name) ?? new Map<string, P>()
      this.#plugins.set(one.name, own.set(scopeKey(scopeOf(one)), one))
    }
  }

  /** The configuration that applies to a request; without a consumer, to a request of an unknown caller. */
  at(request: Scope, name: string): P | undefined {
    return mostSpecific(this.#plugins.get(name) ?? new Map<string, P>(), request)
  }

  /** The same as `at`, for a route. */
  on({ id, service }: Route, name: string, consumer?: string): P | undefined {
    return this.at({ route: id, ...(service && { service }), ...(consumer && { consumer }) }, name)
  }

  /** The plugins that can authenticate. They run before the consumer is known. */
  authenticators(route: Route): P[] {
    return AUTHENTICATORS.flatMap(({ name }) => this.on(route, name) ?? [])
  }

  /** Routes with requests to which this configuration applies. A consumer's applies only on routes with authentication. */
  routesOf({ id, consumer }: { readonly id: string; readonly consumer: string | undefined }): Route[] {
    return this.#routes.filter(
      (route) =>
        this.on(route, 'virtual-key', consumer)?.id === id &&
        (consumer === undefined || this.authenticators(route).length > 0),
    )
  }
}
