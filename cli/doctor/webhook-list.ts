import type { AlertRecord } from '../../plugins/virtual-key/outbox/alert-record.ts'
import type { Format } from '../../plugins/virtual-key/outbox/format.ts'
import type { Connection } from '../../plugins/virtual-key/redis/script.ts'
import { registeredKeys } from '../../plugins/virtual-key/registry/keys.ts'
import type { Configuration } from './gateway.ts'

/** A webhook, and everything that sends to it. */
export interface Webhook {
  /** May hold credentials: show it as `loggable` does. */
  readonly url: string
  /** undefined if it is not known here. */
  readonly allowPrivateNetworks: boolean | undefined
  /** The configuration whose secrets sign; undefined if no signature is known here. */
  readonly signer: string | undefined
  readonly format: Format
  /** Who sends there, for people. */
  readonly of: readonly string[]
}

/** Of a configuration. */
export function configuredWebhooks(configurations: readonly Configuration[]): Webhook[] {
  return configurations.flatMap(
    ({ enabled, id, scope, webhook: url, format, allowPrivateNetworks, signed }) =>
      enabled && url !== undefined
        ? [{ url, format, allowPrivateNetworks, signer: signed ? id : undefined, of: [scope] }]
        : [],
  )
}

/** Of alerts that are not delivered yet. */
export function alertWebhooks(records: readonly AlertRecord[]): Webhook[] {
  return records.map(({ override, url, allowPrivateNetworks, configuration, signed, format }) => ({
    url: override ?? url,
    allowPrivateNetworks,
    signer: signed ? configuration : undefined,
    format,
    of: ['waiting alerts'],
  }))
}

/**
 * Webhooks of registered keys. The configuration that reads the registry decides how they are called.
 * @param configurations undefined if Kong was not read
 * @param most keys to read
 * @throws ReplyError or a connection's Error
 */
export async function registeredWebhooks(
  redis: Connection,
  configurations: readonly Configuration[] | undefined,
  most: number,
): Promise<{ readonly webhooks: Webhook[]; readonly cut: boolean }> {
  const readers = configurations?.filter(({ enabled, registry }) => enabled && registry)
  const urls = new Set<string>()
  let seen = 0
  for await (const { settings } of registeredKeys(redis)) {
    if (++seen > most) break
    if (settings.alert_webhook !== undefined) urls.add(settings.alert_webhook)
  }
  const webhooks = [...urls].map((url) => ({
    url,
    allowPrivateNetworks: readers?.some(({ allowPrivateNetworks }) => allowPrivateNetworks),
    signer: readers?.find(({ signed }) => signed)?.id,
    format: readers?.[0]?.format ?? 'json',
    of: ['registered keys'],
  }))
  return { webhooks, cut: seen > most }
}

/** Each webhook once, with everything that sends to it. The settings of the first sender count. */
export function distinct(webhooks: readonly Webhook[]): Webhook[] {
  const found = new Map<string, Webhook>()
  for (const one of webhooks) {
    const known = found.get(one.url)
    found.set(one.url, known === undefined ? one : { ...known, of: [...new Set([...known.of, ...one.of])] })
  }
  return [...found.values()]
}
