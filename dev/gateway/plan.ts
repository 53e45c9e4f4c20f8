import { mostSpecific, type Scope, scopeKey, scopeOf } from '../../schema/kong/precedence.ts'
import {
  type Caller,
  type Consumer,
  type Credential,
  handed,
  type PluginConfiguration,
  type Route,
  type Service,
} from './entities.ts'
import type { Entity, EntityStore } from './entity-store.ts'
import type { Exchange } from './exchange.ts'
import { createRouter, type Router } from './router.ts'
import { type Values, withDefaults } from './validation.ts'

/**
 * A plugin as the gateway runs it, bundled or behind a socket. Phases of one request run in order of priority; a phase ends
 * the request by setting `exchange.answer`. What access or response throws is answered with 500; log throws nothing.
 */
export interface GatewayPlugin {
  readonly name: string
  /** higher runs earlier */
  readonly priority: number
  readonly access?: (exchange: Exchange, configuration: PluginConfiguration) => void | Promise<void>
  /** having it turns buffering on */
  readonly response?: (exchange: Exchange, configuration: PluginConfiguration) => void | Promise<void>
  /** sees every piece of the response body that goes to the client; `last`: it is the end, and may be empty */
  readonly bodyFilter?: (
    exchange: Exchange,
    configuration: PluginConfiguration,
    chunk: Uint8Array,
    last: boolean,
  ) => void
  /** a promise is work that goes on after the log phase: it starts when every plugin's log phase has run */
  readonly log?: (exchange: Exchange, configuration: PluginConfiguration) => void | (() => Promise<void>)
}

/** A plugin with the configuration that won for this request. */
export interface Bound {
  readonly plugin: GatewayPlugin
  readonly configuration: PluginConfiguration
}

/** The entities in the form that requests need. */
export interface Plan {
  readonly router: Router
  readonly service: (id: string) => Service | undefined
  /** The owner of a key. */
  readonly caller: (key: string) => Caller | undefined
  /** by priority, highest first; each with its enabled configurations by scopeKey */
  readonly plugins: readonly (readonly [GatewayPlugin, ReadonlyMap<string, PluginConfiguration>])[]
}

/** Made once for each entity, so that an unchanged entity is the same object in every plan. */
const configurations = new WeakMap<Entity, PluginConfiguration>()

export function planOf(store: EntityStore, plugins: readonly GatewayPlugin[]): Plan {
  const services = new Map(handed<Service>(store, 'services', true).map((one) => [one.id, one]))
  const consumers = new Map(handed<Consumer>(store, 'consumers', false).map((one) => [one.id, one]))
  const credentials = new Map(
    handed<Credential>(store, 'keyauth_credentials', false).map((one) => [one.key, one]),
  )
  const enabled = [...store.stored('plugins')]
    .filter((one) => one.enabled)
    .map((one) => configured(one, store))
  const sorted = plugins.toSorted((a, b) => b.priority - a.priority || (a.name < b.name ? 1 : -1))
  return {
    router: createRouter(handed<Route>(store, 'routes', true)),
    service: (id) => services.get(id),
    caller: (key) => {
      const credential = credentials.get(key)
      const consumer = consumers.get(credential?.consumer?.id ?? '')
      return credential && consumer && !store.isOver(credential.id) ? { consumer, credential } : undefined
    },
    plugins: sorted.map((plugin) => {
      const own = enabled.filter(({ name }) => name === plugin.name)
      return [plugin, new Map(own.map((one) => [scopeKey(one.scope), one]))]
    }),
  }
}

/** The one of a plugin's configurations that applies to a request. */
export function boundTo([plugin, own]: Plan['plugins'][number], request: Scope): Bound | undefined {
  const configuration = mostSpecific(own, request)
  return configuration && { plugin, configuration }
}

function configured(entity: Entity, store: EntityStore): PluginConfiguration {
  const known = configurations.get(entity)
  if (known) return known
  const name = String(entity.name)
  const config = withDefaults(store.plugins[name]?.fields ?? {}, entity.config as Values)
  const made = { id: entity.id, name, scope: scopeOf(entity), config }
  configurations.set(entity, made)
  return made
}
