import { randomBytes } from 'node:crypto'
import { type Format, render } from '../plugins/virtual-key/outbox/format.ts'
import type { Tried } from '../plugins/virtual-key/outbox/outcome.ts'
import { Sender } from '../plugins/virtual-key/outbox/send.ts'
import { type SigningKey, signedHeaders } from '../plugins/virtual-key/outbox/sign.ts'
import { rfc3339 } from '../schema/alert.ts'

/** The body of a test event, made now. */
export function testPayload(keyId: string): string {
  return JSON.stringify({ event: 'test', key_id: keyId, service: '', timestamp: rfc3339(Date.now()) })
}

/** No crossing has such an id. */
export function testId(): string {
  return `vk_test_${randomBytes(12).toString('hex')}`
}

export interface TestTarget {
  readonly url: string
  readonly format: Format
  readonly allowPrivateNetworks: boolean
  /** Milliseconds. */
  readonly timeout: number
}

/** Sends a test event from this process, once. Never throws. @param keys that sign it; none: it is not signed */
export async function sendTest(
  keyId: string,
  keys: readonly SigningKey[],
  { format, ...target }: TestTarget,
): Promise<Tried> {
  const body = render(format, testPayload(keyId))
  const sender = new Sender(Date.now)
  try {
    return await sender.send({ ...target, headers: signedHeaders(keys, testId(), Date.now(), body), body })
  } finally {
    await sender.close()
  }
}
