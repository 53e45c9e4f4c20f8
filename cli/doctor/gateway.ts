import type { AdminApi } from '../provisioning/admin-api.ts'
import { path } from '../provisioning/path.ts'
import { type Configuration, configurationFrom } from './configuration.ts'
import { type PluginEntity, Precedence, type Route } from './precedence.ts'

/** Kong's configuration, as far as it bears on this plugin. */
export interface Gateway {
  readonly configurations: readonly Configuration[]
  readonly precedence: Precedence
}

interface Named {
  readonly id: string
  readonly name?: string | null
}

/** Kong's largest page. */
const PAGE = 1000
/** Consumers whose name is asked for; the others go by their id. */
const MOST_NAMES = 20

/** @throws AdminError, or Failure when it cannot be reached */
export async function readGateway(admin: AdminApi): Promise<Gateway> {
  const [plugins, routes, services] = await Promise.all([
    admin.all<PluginEntity>(`/plugins?size=${PAGE}`),
    admin.all<Named & { readonly service: { readonly id: string } | null }>(`/routes?size=${PAGE}`),
    admin.all<Named>(`/services?size=${PAGE}`),
  ])
  const own = plugins.filter(({ name }) => name === 'virtual-key')
  const consumers = await consumerNames(admin, own)
  const names = new Map([...routes, ...services].map(({ id, name }) => [id, name ?? id]))
  const nameOf = (id: string) => names.get(id) ?? consumers.get(id) ?? id
  const all = routes.map(({ id, service }): Route => ({ id, name: nameOf(id), service: service?.id }))
  return {
    configurations: own.map((plugin) => configurationFrom(plugin, nameOf)),
    precedence: new Precedence(plugins, all),
  }
}

async function consumerNames(
  admin: AdminApi,
  plugins: readonly PluginEntity[],
): Promise<Map<string, string>> {
  const ids = new Set(plugins.flatMap(({ consumer }) => (consumer ? [consumer.id] : [])))
  const found = await Promise.all(
    [...ids]
      .slice(0, MOST_NAMES)
      .map((id) => admin.get<{ id: string; username?: string | null }>(path`/consumers/${id}`)),
  )
  return new Map(found.flatMap((one) => (one?.username ? [[one.id, one.username] as const] : [])))
}
