import type { Format } from '../../plugins/virtual-key/outbox/format.ts'
import { ConfigError, settingsFrom } from '../../plugins/virtual-key/policy/settings.ts'
import type { Config } from '../../schema/config.ts'
import { isReference } from '../../schema/fields.ts'
import type * as kong from '../../schema/kong/entities.ts'
import { placeOf, type RedisPlace } from '../options/redis-place.ts'
import type { AdminApi } from '../provisioning/admin-api.ts'
import { path } from '../provisioning/admin-path.ts'
import { Precedence, type Route } from '../provisioning/precedence.ts'

/** A plugin as the Admin API lists it. Its configuration may hold secrets. */
export type PluginEntity = Pick<kong.Plugin, 'id' | 'name' | 'enabled' | 'route' | 'service' | 'config'> &
  Partial<Pick<kong.Plugin, 'consumer'>>

/** The part of Kong's configuration that concerns this plugin. */
export interface Gateway {
  readonly configurations: readonly Configuration[]
  readonly precedence: Precedence<PluginEntity>
}

interface Named {
  readonly id: string
  readonly name?: string | null
}

/** Kong's largest page. */
const PAGE = 1000
/** Most consumers whose name is read; the others are shown by their id. */
const MOST_NAMES = 20

/** @throws AdminError, or Failure if it cannot be reached */
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

/** One configuration of virtual-key, without its secrets, so that they cannot be shown. */
export interface Configuration {
  readonly id: string
  readonly enabled: boolean
  /** `route chat`, `consumer vk-abc`, …, or `everywhere`. */
  readonly scope: string
  /** Its consumer's id; undefined if it applies to all. */
  readonly consumer: string | undefined
  readonly tapped: boolean
  readonly registry: boolean
  readonly requireKey: boolean
  readonly identifyBy: Config['identify_by']
  readonly redis: RedisPlace
  /** Where its alerts go; may hold credentials: show it as `loggable` does. */
  readonly webhook: string | undefined
  readonly format: Format
  readonly allowPrivateNetworks: boolean
  readonly signed: boolean
  /** Why the plugin refuses it, so that Kong answers 500 there; absent if it does not, or if that cannot be seen. */
  readonly refusal?: string
}

/** An older version of the plugin may run there, so any field may be missing. @param nameOf a Kong entity, by its id */
export function configurationFrom(plugin: PluginEntity, nameOf: (id: string) => string): Configuration {
  const config = plugin.config as { readonly [N in keyof Config]?: Config[N] | null }
  const { redis, webhook, alert_webhook: url } = config
  const refusal = refusalOf(config)
  return {
    id: plugin.id,
    enabled: plugin.enabled,
    scope: scopeOf(plugin, nameOf),
    consumer: plugin.consumer?.id,
    tapped: config.body === 'tapped',
    registry: config.registry === true,
    requireKey: config.require_key === true,
    identifyBy: config.identify_by ?? 'consumer',
    redis: placeOf(redis ?? {}),
    webhook: url ?? undefined,
    format: webhook?.format ?? 'json',
    allowPrivateNetworks: webhook?.allow_private_networks === true,
    signed: (webhook?.secrets ?? []).length > 0,
    ...(refusal === undefined ? {} : { refusal }),
  }
}

/** What only the plugin checks: rules across fields, and values that Kong's schema language cannot check. */
function refusalOf(config: { readonly [N in keyof Config]?: Config[N] | null }): string | undefined {
  // The Admin API shows vault references, and the plugin gets their values.
  const known = (value: string) => !isReference(value)
  const url = config.alert_webhook ?? ''
  const secrets = (config.webhook?.secrets ?? []).filter(known)
  try {
    settingsFrom({
      ...config,
      alert_webhook: url !== '' && known(url) ? url : undefined,
      webhook: { ...config.webhook, secrets },
    } as Config)
    return undefined
  } catch (error) {
    // Anything else is a field that an older version of the plugin does not have.
    return error instanceof ConfigError ? error.message : undefined
  }
}

function scopeOf({ route, service, consumer }: PluginEntity, nameOf: (id: string) => string): string {
  const parts = Object.entries({ consumer, route, service }).flatMap(([kind, of]) =>
    of ? [`${kind} ${nameOf(of.id)}`] : [],
  )
  return parts.join(' on ') || 'everywhere'
}
