import type { Plugin, PluginConfig, Route, Service } from './entities.ts'

/** A configuration of the plugin that some route runs with, when no consumer has one of its own. */
export interface Applying {
  /** Such as `route chat`. */
  readonly where: string
  readonly config: PluginConfig
}

/** What Kong holds around a key. */
export interface Gateway {
  readonly services: readonly Service[]
  readonly routes: readonly Route[]
  readonly plugins: readonly Plugin[]
}

/**
 * The configurations of virtual-key that apply to a service's routes, or to all routes where no service is named, each once. As in
 * Kong, a route's own goes before its service's, and that before the global one.
 */
export function applying({ services, routes, plugins }: Gateway, service: Service | undefined): Applying[] {
  const concerned = service ? routes.filter((route) => route.service?.id === service.id) : routes
  const found = new Map<string, Applying>()
  // A service without routes, or a Kong without any, will get some.
  const places = concerned.length > 0 ? concerned : [{ id: '', name: null, service: service ?? null }]
  for (const route of places) {
    const plugin = pluginFor('virtual-key', plugins, route)
    if (plugin === undefined) continue
    found.set(plugin.id, { where: whereIs(plugin, routes, services), config: plugin.config })
  }
  return [...found.values()]
}

/** As `applying`, but for a key whose consumer may have a configuration of its own, which replaces the others as a whole. */
export function applyingTo(
  id: string,
  own: readonly Plugin[],
  gateway: Gateway,
  service: Service | undefined,
): Applying[] {
  const plugin = own.find(({ name, enabled }) => name === 'virtual-key' && enabled)
  return plugin ? [{ where: `consumer ${id}`, config: plugin.config }] : applying(gateway, service)
}

/** The enabled plugin of this name that a route runs with, whoever calls. */
export function pluginFor(
  name: string,
  plugins: readonly Plugin[],
  route: Pick<Route, 'id' | 'service'>,
): Plugin | undefined {
  const all = plugins.filter((one) => one.name === name && one.enabled && one.consumer === null)
  const of = (routeId: string | undefined, serviceId: string | undefined) =>
    all.find((one) => one.route?.id === routeId && one.service?.id === serviceId)
  const service = route.service?.id
  return (
    of(route.id, service) ?? of(route.id, undefined) ?? of(undefined, service) ?? of(undefined, undefined)
  )
}

function whereIs({ route, service }: Plugin, routes: readonly Route[], services: readonly Service[]): string {
  const name = (list: ReadonlyArray<{ id: string; name: string | null }>, id: string) =>
    list.find((one) => one.id === id)?.name ?? id
  if (route) return `route ${name(routes, route.id)}`
  return service ? `service ${name(services, service.id)}` : 'the global plugin'
}
