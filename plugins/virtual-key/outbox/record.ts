/** One alert from its crossing until it is delivered or given up, as Redis keeps it (JSON). */
export interface AlertRecord {
  readonly keyId: string
  readonly url: string
  /** Names the configuration whose secrets sign; absent: unsigned. */
  readonly signer?: string
  /** Milliseconds for one attempt. */
  readonly timeout: number
  readonly allowPrivateNetworks: boolean
  /** The tokens of the response that crossed are an estimate. */
  readonly estimated?: true
  readonly attempts: readonly Attempt[]
  /** The request body: the same bytes in every attempt. */
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

/** undefined where the text is no JSON: somebody else wrote it, and one such entry must not hold up the others. */
export function recordFrom(json: string): AlertRecord | undefined {
  try {
    return JSON.parse(json) as AlertRecord
  } catch {
    return undefined
  }
}
