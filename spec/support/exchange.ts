import { PLAIN_CONFIG } from './plain-config.ts'
import { completion } from './upstream.ts'
import type { Wire } from './wire.ts'

/** Kinds of requests that a plugin server sees. */
export type Kind = 'settled' | 'rejected' | 'no key'

const BODY = new TextEncoder().encode(completion(10))

/** An instance with the plain configuration, as Kong fills it in, and what a spec adds. */
export async function newInstance(
  wire: Wire,
  redisPort: number,
  config: Record<string, unknown> = {},
): Promise<number> {
  const Config = JSON.stringify({
    ...PLAIN_CONFIG,
    __plugin_id: 'spec',
    alert_threshold: 100,
    redis: { ...PLAIN_CONFIG.redis, port: redisPort },
    ...config,
  })
  const started = await wire.call('plugin.StartInstance', { Name: 'virtual-key', Config })
  return (started as { Id: number }).Id
}

/** Both phases of one request. Returns the PDK calls made. */
export async function exchange(wire: Wire, instance: number, kind: Kind): Promise<string[]> {
  const pdk = (method: string): unknown => {
    switch (method) {
      case 'kong.request.get_headers':
        return { 'content-length': ['30'], ...(kind === 'rejected' ? { upgrade: ['websocket'] } : {}) }
      case 'kong.client.get_consumer':
        return kind === 'no key' ? undefined : { id: '1', username: 'vk-abc' }
      case 'kong.service.response.get_raw_body':
        return BODY
      case 'kong.service.response.get_status':
        return 200
      case 'kong.router.get_service':
        return { id: '2', name: 'openai' }
      default:
        return undefined
    }
  }
  const calls = await wire.phase(instance, 'access', pdk)
  if (kind !== 'rejected') calls.push(...(await wire.phase(instance, 'response', pdk)))
  return calls
}
