import type { Format } from './format.ts'

/** One alert from its crossing until it is delivered or given up, as Redis keeps it (JSON). */
export interface AlertRecord {
  readonly keyId: string
  /** The plugin configuration whose settings and secrets deliver it. */
  readonly configuration: string
  /**
   * Where its latest attempt went; before the first one, where the crossing said. For people, and for an attempt where nobody has
   * shared the configuration's settings. May hold credentials: show it as `loggable` does.
   */
  readonly url: string
  /** As `url` of the crossing: the configuration had secrets that sign. Absent: it had none. */
  readonly signed?: true
  /** As `url`, of the crossing. Milliseconds for one attempt. */
  readonly timeout: number
  readonly allowPrivateNetworks: boolean
  readonly format: Format
  /** Where an operator sent it by `vk alerts replay --url`; wins over everything else. */
  readonly override?: string
  /** The tokens of the response that crossed are an estimate. */
  readonly estimated?: true
  readonly attempts: readonly Attempt[]
  /** How many of the attempts belong to schedules that ended before the alert was replayed; absent: none. */
  readonly earlier?: number
  /** When its schedule began, in milliseconds by Redis's clock; absent: when its entry in the outbox was added. */
  readonly since?: number
  /** While it waits for its configuration: why, and its entry among the parked ones. */
  readonly parked?: { readonly reason: string; readonly entry: string }
  /** A test: tried once. */
  readonly test?: boolean
  /** The alert's JSON: the same bytes in every attempt. */
  readonly payload: string
}

/** What one delivery attempt came to. */
export interface Attempt {
  /** Milliseconds since 1970. */
  readonly at: number
  /** Milliseconds. */
  readonly duration: number
  /** HTTP status; absent where no response came. */
  readonly status?: number
  /** Why it failed; absent after a 2xx. */
  readonly error?: string
}

/** undefined where the text is no record: somebody else wrote it, and one such entry must not hold up the others. */
export function recordFrom(json: string): AlertRecord | undefined {
  try {
    const { format = 'json', ...rest } = JSON.parse(json) as AlertRecord
    const { keyId, configuration, url, payload, timeout, attempts, override } = rest
    const texts = [keyId, configuration, url, payload, override ?? ''].every(
      (text) => typeof text === 'string',
    )
    const readable = texts && Number.isInteger(timeout) && timeout > 0 && Array.isArray(attempts)
    return readable ? { format, ...rest } : undefined
  } catch {
    return undefined
  }
}
