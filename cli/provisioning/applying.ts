import type { Scope } from '../../schema/kong/precedence.ts'
import type { Gateway, Plugin, PluginConfig, Route, Service } from './kong-state.ts'
import { Precedence } from './precedence.ts'

/** A configuration of the plugin that applies to some route. */
export interface Applying {
  /** Such as `route chat`. */
  readonly where: string
  readonly config: PluginConfig
}

/**
 * The configurations of virtual-key that apply to a service's routes, or to all routes if no service is named, each once.
 * @param caller a consumer; undefined for one without a configuration of its own
 */
export function applying(
  gateway: Gateway,
  service: Service | undefined,
  caller?: { readonly id: string; readonly name: string },
): Applying[] {
  const precedence = new Precedence(gateway.plugins, [])
  const found = new Map<string, Applying>()
  for (const request of requests(gateway.routes, service)) {
    const plugin = precedence.at({ ...request, ...(caller && { consumer: caller.id }) }, 'virtual-key')
    if (plugin) found.set(plugin.id, { where: whereIs(plugin, gateway, caller?.name), config: plugin.config })
  }
  return [...found.values()]
}

/** The names of those of the plugins that run for some request to a service, or to any route, from any caller. */
export function runningOn(
  { routes, plugins }: Pick<Gateway, 'routes' | 'plugins'>,
  service: Service | undefined,
  names: readonly string[],
): string[] {
  const precedence = new Precedence(plugins, [])
  const places = requests(routes, service)
  return names.filter((name) => places.some((request) => precedence.at(request, name) !== undefined))
}

/** One request for each route concerned. If there are no routes yet, one stands for those to come. */
function requests(routes: readonly Route[], service: Service | undefined): Scope[] {
  const concerned = service ? routes.filter((route) => route.service?.id === service.id) : routes
  if (concerned.length === 0) return [service ? { service: service.id } : {}]
  return concerned.map(({ id, service: own }) => ({ route: id, ...(own && { service: own.id }) }))
}

function whereIs(
  { route, service, consumer }: Plugin,
  { routes, services }: Gateway,
  caller: string | undefined,
): string {
  const name = (list: ReadonlyArray<{ id: string; name: string | null }>, id: string) =>
    list.find((one) => one.id === id)?.name ?? id
  const parts = [
    ...(consumer ? [`consumer ${caller}`] : []),
    ...(route ? [`route ${name(routes, route.id)}`] : []),
    ...(service && !route ? [`service ${name(services, service.id)}`] : []),
  ]
  return parts.join(' on ') || 'the global plugin'
}
