import type { AlertRecord } from './alert-record.ts'
import type { HoldsNow } from './delivery-settings.ts'
import type { Format } from './format.ts'
import type { SigningKey } from './sign.ts'

/** Where and how one attempt goes. */
export interface Route {
  /** May hold credentials: show it as `loggable` does. */
  readonly url: string
  /** Milliseconds. */
  readonly timeout: number
  readonly allowPrivateNetworks: boolean
  readonly format: Format
  /** Empty: unsigned. */
  readonly keys: readonly SigningKey[]
}

/** Why an alert cannot be attempted now, by this process or by anybody. */
export interface NoRoute {
  readonly reason: string
  /** Of the secrets that a process must have; '' = that would not help. */
  readonly secrets: string
}

/** The secrets of a configuration where this process has them. `mark`: of the ones that hold; '?' = not known. */
export type KeysOf = (configuration: string, mark: string) => readonly SigningKey[] | undefined

/** Any secrets that a process has of the configuration will do: nobody has said which ones hold. */
export const ANY_SECRETS = '?'

/**
 * Where an alert goes by what holds now: to the URL that an operator named when it was replayed, else to the key's own webhook where
 * its configuration reads the registry, else to the configuration's. Where nobody has shared the configuration (its settings went
 * with a lost Redis), what the crossing said holds.
 */
export function routeOf(
  record: AlertRecord,
  { settings, keyWebhook }: HoldsNow,
  keysOf: KeysOf,
): Route | NoRoute {
  const { timeout, allowPrivateNetworks, format, secrets } = settings ?? {
    ...record,
    secrets: record.signed ? ANY_SECRETS : '',
  }
  const configured = settings === undefined ? record.url : settings.url
  const url = record.override ?? (settings?.registry ? keyWebhook : undefined) ?? configured
  const configuration = JSON.stringify(record.configuration)
  if (url === undefined) return { reason: `configuration ${configuration} names no webhook`, secrets: '' }
  const keys = secrets === '' ? [] : keysOf(record.configuration, secrets)
  if (keys === undefined) {
    return { reason: `no process that looked has the secrets of configuration ${configuration}`, secrets }
  }
  return { url, timeout, allowPrivateNetworks, format, keys }
}

/** For the first attempt of a crossing that happened in this process a moment ago: nothing has changed since. */
export function routeOfCrossing(record: AlertRecord, keysOf: KeysOf): Route | NoRoute {
  return routeOf(record, { settings: undefined, keyWebhook: undefined }, keysOf)
}
