import { createHash } from 'node:crypto'
import { configurationName, keyName } from '../redis/names.ts'
import type { Connection } from '../redis/script.ts'
import type { Format } from './format.ts'
import type { SigningKey } from './sign.ts'

/** What a plugin configuration says about the delivery of its alerts. */
export interface DeliverySettings {
  /** Absent: the configuration names no webhook. */
  readonly url?: string | undefined
  /** Milliseconds for one attempt. */
  readonly timeout: number
  readonly allowPrivateNetworks: boolean
  readonly format: Format
  /** A key's own webhook in the registry wins. */
  readonly registry: boolean
  /** Of the secrets that sign; '' = none does. See `secretsMark`. */
  readonly secrets: string
}

/**
 * Plugin servers share these settings through Redis, because Kong tells a plugin server of a configuration only with a request that
 * uses it: one that has seen an older state would send alerts to a webhook that was corrected long ago. Longer than any alert lives,
 * and renewed by every process that knows the configuration. Unit: seconds.
 */
const KEEP = 40 * 86_400

/**
 * Tells whether a process has the secrets that hold now, without telling the secrets: 32 bits of a hash, too few to make sure of a
 * guess, of secrets that have at least 192 bits.
 */
export function secretsMark(keys: readonly SigningKey[]): string {
  if (keys.length === 0) return ''
  const hash = createHash('sha256')
  for (const { bytes } of keys) hash.update(`${bytes.length} `).update(bytes)
  return hash.digest('hex').slice(0, 8)
}

/** As Redis keeps them. */
export function settingsText(settings: DeliverySettings): string {
  return JSON.stringify(settings)
}

/** undefined where the text is none: then what an alert's record says holds. */
function settingsFrom(text: string | null): DeliverySettings | undefined {
  try {
    const settings = JSON.parse(text ?? '') as DeliverySettings
    const { url = '', timeout, secrets, format } = settings
    const readable = [url, secrets, format].every((one) => typeof one === 'string')
    return readable && Number.isInteger(timeout) && timeout > 0 ? settings : undefined
  } catch {
    return undefined
  }
}

/** Makes the settings hold for every process. @throws ReplyError or a connection's Error */
export async function shareSettings(redis: Connection, configuration: string, text: string): Promise<void> {
  await redis.set(configurationName(configuration), text, 'EX', KEEP)
}

/** Keeps shared settings from expiring, whatever they are now, and puts lost ones back. @throws ReplyError or a connection's Error */
export async function keepSettings(redis: Connection, configuration: string, text: string): Promise<void> {
  const name = configurationName(configuration)
  if ((await redis.expire(name, KEEP)) === 0) await redis.set(name, text, 'EX', KEEP, 'NX')
}

/** What holds now for one alert. */
export interface HoldsNow {
  /** undefined: nobody has shared the configuration. */
  readonly settings: DeliverySettings | undefined
  /** The key's own webhook; undefined: it names none, or is not registered. */
  readonly keyWebhook: string | undefined
}

/** @throws ReplyError or a connection's Error */
export async function whatHolds(redis: Connection, configuration: string, keyId: string): Promise<HoldsNow> {
  // Two slots of a cluster, so two commands; they travel together.
  const [text, [createdAt, webhook]] = await Promise.all([
    redis.get(configurationName(configuration)),
    redis.hmget(keyName(keyId), 'created_at', 'alert_webhook'),
  ])
  return { settings: settingsFrom(text), keyWebhook: createdAt ? webhook || undefined : undefined }
}
