import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

/** The project's root, seen from dist/dev. */
export const ROOT = join(import.meta.dirname, '..', '..')

interface PluginEntry {
  readonly name: string
  readonly config?: Record<string, unknown>
}

interface Declaration {
  readonly services: ReadonlyArray<{
    readonly url: string
    readonly routes: ReadonlyArray<{ readonly plugins: PluginEntry[] }>
  }>
  readonly consumers: ReadonlyArray<{
    readonly username: string
    readonly keyauth_credentials: ReadonlyArray<{ readonly key: string }>
    readonly plugins?: PluginEntry[]
  }>
}

/** What the walk-through needs to know of the sample kong.yml. */
export interface Sample {
  readonly declaration: Declaration
  readonly keyId: string
  readonly apiKey: string
  /** Key of a consumer without a configuration of its own: that of the streaming route applies. */
  readonly otherKey: string
  readonly threshold: number
  readonly secret: string
  /** The ports in the file. */
  readonly upstreamPort: number
  readonly inboxPort: number
}

/** The actual addresses, on loopback. */
export interface Places {
  /** Redis, with the field names of the plugin's configuration. */
  readonly redis: object
  readonly upstreamPort: number
  readonly inboxPort: number
}

export function readSample(): Sample {
  const declaration = parse(readFileSync(join(ROOT, 'kong.yml'), 'utf8')) as Declaration
  const [service] = declaration.services
  const [consumer, other] = declaration.consumers
  const config = virtualKey(consumer?.plugins ?? [])?.config as {
    alert_threshold: number
    alert_webhook: string
    webhook: { secrets: [string] }
  }
  return {
    declaration,
    keyId: consumer?.username ?? '',
    apiKey: consumer?.keyauth_credentials[0]?.key ?? '',
    otherKey: other?.keyauth_credentials[0]?.key ?? '',
    threshold: config.alert_threshold,
    secret: config.webhook.secrets[0],
    upstreamPort: Number(new URL(service?.url ?? '').port),
    inboxPort: Number(new URL(config.alert_webhook).port),
  }
}

/** The declaration with the actual addresses, which the file cannot contain. */
export function declarationAt(
  { declaration }: Sample,
  { redis, upstreamPort, inboxPort }: Places,
): Declaration {
  const moved = (plugins: PluginEntry[]) =>
    plugins.map((plugin) => {
      if (plugin.name !== 'virtual-key') return plugin
      const alert_webhook = withPort(String(plugin.config?.alert_webhook), inboxPort)
      return { ...plugin, config: { ...plugin.config, alert_webhook, redis } }
    })
  return {
    ...declaration,
    services: declaration.services.map((service) => ({
      ...service,
      url: withPort(service.url, upstreamPort),
      routes: service.routes.map((route) => ({ ...route, plugins: moved(route.plugins) })),
    })),
    consumers: declaration.consumers.map((consumer) =>
      consumer.plugins === undefined ? consumer : { ...consumer, plugins: moved(consumer.plugins) },
    ),
  }
}

function withPort(url: string, port: number): string {
  const moved = new URL(url)
  moved.port = String(port)
  return moved.href
}

function virtualKey(plugins: readonly PluginEntry[]): PluginEntry | undefined {
  return plugins.find(({ name }) => name === 'virtual-key')
}
