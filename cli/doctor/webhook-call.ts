import { request as plain } from 'node:http'
import { request as secure } from 'node:https'
import type { Signers } from '../../plugins/virtual-key/outbox/dispatcher.ts'
import {
  callable,
  publicLookup,
  RefusedTarget,
  refuseAddress,
} from '../../plugins/virtual-key/outbox/webhook-target.ts'
import { isReference } from '../../schema/fields.ts'
import { sendTest } from '../test-event.ts'
import type { Webhook } from './webhook-list.ts'

/** The result of calling a webhook. */
export type Called =
  | { readonly how: 'head' | 'test'; readonly status: number; readonly error?: string }
  | { readonly how: 'failed' | 'refused'; readonly error: string }
  /** A test needs a secret that is not here. */
  | { readonly how: 'unsigned' }
  /** Only Kong can tell where it is. */
  | { readonly how: 'vault' }

/** The key id in a test, which belongs to no key. */
const NOBODY = 'vk-doctor'

/** @param signers undefined if no test is sent @param limit in milliseconds */
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

/**
 * Sends a HEAD request to find out whether a webhook can be reached: with the same guard as for an alert, but without credentials, on a
 * connection of its own, and without following redirects.
 * @param limit in milliseconds
 * @returns the status of any HTTP answer
 * @throws RefusedTarget for an address that may not be called, else the error of the request
 */
export async function head(url: string, limit: number, allowPrivateNetworks: boolean): Promise<number> {
  const target = callable(url)
  target.username = ''
  target.password = ''
  if (!allowPrivateNetworks) refuseAddress(target.hostname)
  const request = target.protocol === 'https:' ? secure : plain
  return new Promise((resolve, reject) => {
    const asking = request(target, {
      method: 'HEAD',
      agent: false,
      headers: { 'user-agent': 'virtual-key' },
      ...(allowPrivateNetworks ? {} : { lookup: publicLookup }),
    })
    const timeout = setTimeout(
      () => asking.destroy(new Error(`no answer within ${Math.round(limit)} ms`)),
      limit,
    )
    asking.once('close', () => clearTimeout(timeout))
    asking.once('response', (answer) => {
      resolve(answer.statusCode ?? 0)
      asking.destroy()
    })
    // This listener stays, because destroying the connection can fail too.
    asking.on('error', reject)
    asking.end()
  })
}
