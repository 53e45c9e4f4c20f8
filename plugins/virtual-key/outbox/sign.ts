import { createHmac } from 'node:crypto'

/** The bytes of a signing secret. Kept in memory only: never logged, never written to Redis. */
export interface SigningKey {
  readonly bytes: Uint8Array
}

const PREFIX = 'whsec_'

/**
 * Parses a Standard Webhooks 1.0 secret: `whsec_` and the base64 of 24 to 64 bytes.
 * @throws Error that tells what is wrong without telling the secret.
 */
export function signingKey(secret: string): SigningKey {
  const seen = `a secret of ${secret.length} characters`
  if (!secret.startsWith(PREFIX)) throw new Error(`${seen} does not start with "${PREFIX}"`)
  const base64 = secret.slice(PREFIX.length)
  const bytes = Buffer.from(base64, 'base64')
  // Buffer skips what is no base64; writing it out again shows whether anything was skipped.
  if (bytes.toString('base64').replace(/=+$/, '') !== base64.replace(/=+$/, '')) {
    throw new Error(`${seen} is not base64 after "${PREFIX}"`)
  }
  if (bytes.length < 24 || bytes.length > 64) {
    throw new Error(
      `${seen} has ${bytes.length} bytes after "${PREFIX}", Standard Webhooks asks for 24 to 64`,
    )
  }
  return { bytes }
}

/** The three headers of Standard Webhooks 1.0; no signature without a key. `at`: milliseconds since 1970. */
export function signedHeaders(
  keys: readonly SigningKey[],
  id: string,
  at: number,
  body: string,
): Record<string, string> {
  const timestamp = String(Math.floor(at / 1000))
  const headers: Record<string, string> = { 'webhook-id': id, 'webhook-timestamp': timestamp }
  if (keys.length > 0) {
    headers['webhook-signature'] = keys.map((key) => signature(key, `${id}.${timestamp}.${body}`)).join(' ')
  }
  return headers
}

function signature(key: SigningKey, content: string): string {
  return `v1,${createHmac('sha256', key.bytes).update(content).digest('base64')}`
}
