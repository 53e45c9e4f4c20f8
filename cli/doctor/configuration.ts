import type { Format } from '../../plugins/virtual-key/outbox/format.ts'
import { ConfigError, settingsFrom } from '../../plugins/virtual-key/policy/settings.ts'
import type { Config } from '../../schema/config.ts'
import { placeOf, type RedisPlace } from '../options/redis-place.ts'
import { isReference } from '../provisioning/shown.ts'
import type { PluginEntity } from './precedence.ts'

/** One configuration of virtual-key, without its secrets: what is not here cannot be shown. */
export interface Configuration {
  readonly id: string
  readonly enabled: boolean
  /** `route chat`, `consumer vk-abc`, …, or `everywhere`. */
  readonly scope: string
  /** Its consumer's id; undefined: for all. */
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
  /** Why the plugin refuses it, so that Kong answers 500 there; absent: it does not, or that cannot be seen. */
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

/** What only the plugin checks: rules across fields, and values that Kong's schema language cannot judge. */
function refusalOf(config: { readonly [N in keyof Config]?: Config[N] | null }): string | undefined {
  // The Admin API shows references, and the plugin gets what they stand for.
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
