import { request as plain } from 'node:http'
import { request as secure } from 'node:https'
import { callable, publicLookup, refuseAddress } from '../../plugins/virtual-key/outbox/webhook-target.ts'

/**
 * Asks a webhook for nothing, to see whether somebody is there: under the same guard as an alert, but without credentials, on a
 * connection of its own, and without following redirects.
 * @param limit in milliseconds
 * @returns the status of whatever HTTP answer
 * @throws RefusedTarget for an address that may not be called, else what went wrong
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
    // For good: breaking off the connection can fail too.
    asking.on('error', reject)
    asking.end()
  })
}
