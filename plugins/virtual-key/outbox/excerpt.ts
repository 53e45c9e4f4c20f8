import type { Readable } from 'node:stream'
import { UNSAFE } from '../telemetry/safe-text.ts'

/** Most of a response body that is read, for the log. Unit: bytes. */
export const MOST_BODY = 4096
/** Most of it that an attempt keeps. Unit: characters. */
const MOST_KEPT = 500
const UNSAFE_RUN = new RegExp(`[${UNSAFE}]+`, 'gu')

/**
 * The start of a response body as one line. A receiver that never ends it, or breaks it off, has answered all the same.
 * @param hidden texts that must not be kept: a receiver may send back the credentials it got
 */
export async function excerpt(body: Readable, hidden: readonly string[]): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of body) {
      chunks.push(chunk as Buffer)
      length += (chunk as Buffer).length
      if (length >= MOST_BODY) break
    }
  } catch {
    // The status is known, and it alone decides.
  }
  return printable(Buffer.concat(chunks).subarray(0, MOST_BODY).toString('utf8'), hidden)
}

/** Without what a terminal would obey (control and direction characters), and without what must not be kept. */
export function printable(text: string, hidden: readonly string[] = []): string {
  const shown = hidden
    .filter((secret) => secret !== '')
    .reduce((rest, secret) => rest.replaceAll(secret, '***'), text)
  return shown.replace(UNSAFE_RUN, ' ').trim().slice(0, MOST_KEPT)
}
