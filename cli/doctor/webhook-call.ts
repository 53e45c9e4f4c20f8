import type { Signers } from '../../plugins/virtual-key/outbox/dispatcher.ts'
import { RefusedTarget } from '../../plugins/virtual-key/outbox/webhook-target.ts'
import { isReference } from '../provisioning/shown.ts'
import { sendTest } from '../test-event.ts'
import { head } from './head.ts'
import type { Webhook } from './webhook-list.ts'

/** What calling a webhook came to. */
export type Called =
  | { readonly how: 'head' | 'test'; readonly status: number; readonly error?: string }
  | { readonly how: 'failed' | 'refused'; readonly error: string }
  /** A test needs a secret that is not here. */
  | { readonly how: 'unsigned' }
  /** Only Kong can tell where it is. */
  | { readonly how: 'vault' }

/** The name in a test: it is nobody's key. */
const NOBODY = 'vk-doctor'

/** @param signers undefined: nothing is sent @param limit in milliseconds */
export async function call(webhook: Webhook, signers: Signers | undefined, limit: number): Promise<Called> {
  if (isReference(webhook.url)) return { how: 'vault' }
  return signers === undefined ? ask(webhook, limit) : test(webhook, signers, limit)
}

async function ask({ url, allowPrivateNetworks = false }: Webhook, limit: number): Promise<Called> {
  try {
    return { how: 'head', status: await head(url, limit, allowPrivateNetworks) }
  } catch (error) {
    const { message, name, code } = error as Error & { code?: string }
    const text = message || code || name
    return { how: error instanceof RefusedTarget ? 'refused' : 'failed', error: text }
  }
}

async function test(
  { url, allowPrivateNetworks = false, signer, format }: Webhook,
  signers: Signers,
  limit: number,
): Promise<Called> {
  const keys = signer === undefined ? [] : signers.get(signer)
  if (keys === undefined) return { how: 'unsigned' }
  const target = { url, format, allowPrivateNetworks, timeout: limit }
  const { attempt, refused } = await sendTest(NOBODY, keys, target)
  const { status, error = '' } = attempt
  if (refused) return { how: 'refused', error }
  return status === undefined ? { how: 'failed', error } : { how: 'test', status, error }
}
