import type { Format } from './format.ts'

/** One alert from its crossing until it is delivered or given up, as Redis keeps it (JSON). */
export interface AlertRecord {
  readonly keyId: string
  /** May hold credentials: show it as `loggable` does. */
  readonly url: string
  /** Names the configuration whose secrets sign; absent: unsigned. */
  readonly signer?: string
  /** Milliseconds for one attempt. */
  readonly timeout: number
  readonly allowPrivateNetworks: boolean
  readonly format: Format
  /** The tokens of the response that crossed are an estimate. */
  readonly estimated?: true
  readonly attempts: readonly Attempt[]
  /** How many of the attempts belong to schedules that ended before the alert was replayed; absent: none. */
  readonly earlier?: number
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
    const { keyId, url, payload, timeout, attempts, signer } = rest
    const texts = [keyId, url, payload, signer ?? ''].every((text) => typeof text === 'string')
    const readable = texts && Number.isInteger(timeout) && timeout > 0 && Array.isArray(attempts)
    return readable ? { format, ...rest } : undefined
  } catch {
    return undefined
  }
}
