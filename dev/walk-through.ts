import { setTimeout as sleep } from 'node:timers/promises'
import { request } from 'undici'
import type { Received } from './inbox.ts'
import type { Sample } from './sample.ts'

/** What is visible from outside while requests are sent. */
export interface State {
  total(): Promise<number>
  /** Alerts of the key's partition that are not delivered yet. */
  undelivered(): Promise<number>
  readonly inbox: readonly Received[]
}

/** Longest wait for the alert. Unit: milliseconds. */
const TIMEOUT = 15_000

/**
 * Spends a virtual key's tokens until it is over its threshold, and a little more, and reports what happens.
 * @returns whether the alert came exactly once and was verified
 */
export async function walkThrough(
  gateway: string,
  { apiKey, keyId, threshold }: Sample,
  { total, undelivered, inbox }: State,
  say: (text: string) => void,
): Promise<boolean> {
  say(`Key ${keyId} has an alert threshold of ${threshold} tokens. Sending chat requests with it:\n`)
  for (let after = 0; after < 3; ) {
    const before = await total()
    const { statusCode, body } = await request(`${gateway}/v1/chat/completions`, {
      method: 'POST',
      headers: { apikey: apiKey, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'sample', messages: [{ role: 'user', content: 'What is a token?' }] }),
    })
    await body.dump()
    const now = await total()
    const crossed = before < threshold && threshold <= now
    say(
      `  ${statusCode}  ${String(now - before).padStart(3)} tokens, total ${String(now).padStart(4)}${crossed ? '  <- crosses' : ''}`,
    )
    if (statusCode !== 200 || now === before) return false
    if (now >= threshold) after++
  }
  const deadline = performance.now() + TIMEOUT
  while ((inbox.length === 0 || (await undelivered()) > 0) && performance.now() < deadline) await sleep(20)
  say(
    inbox.length === 1
      ? 'The alert came exactly once.\n'
      : `The alert came ${inbox.length} times instead of once.\n`,
  )
  return inbox.length === 1 && inbox[0]?.verified === true
}
