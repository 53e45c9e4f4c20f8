import { stringify } from 'yaml'

export interface Scene {
  readonly redisPort: number
  readonly upstreamPort: number
  /** The plugin's configuration on the route /v1, but for `redis`. */
  readonly config?: Record<string, unknown>
  /** Further configurations for single consumers. */
  readonly consumers?: Readonly<Record<string, Record<string, unknown> | undefined>>
  readonly keyAuth?: boolean
}

/** A kong.yml for one route, key-auth, the plugin, and consumers whose API key is `<username>-secret`. */
export function declaration({
  redisPort,
  upstreamPort,
  config = {},
  consumers = { 'vk-abc': undefined },
  keyAuth = true,
}: Scene): string {
  const plugin = (own: Record<string, unknown>) => ({
    name: 'virtual-key',
    config: { redis: { host: '127.0.0.1', port: redisPort, timeout: 1000 }, ...own },
  })
  return stringify({
    _format_version: '3.0',
    services: [
      {
        name: 'openai',
        host: '127.0.0.1',
        port: upstreamPort,
        protocol: 'http',
        routes: [
          {
            name: 'chat',
            paths: ['/v1'],
            strip_path: false,
            plugins: [...(keyAuth ? [{ name: 'key-auth' }] : []), plugin(config)],
          },
        ],
      },
    ],
    consumers: Object.entries(consumers).map(([username, own]) => ({
      username,
      keyauth_credentials: [{ key: `${username}-secret` }],
      ...(own === undefined ? {} : { plugins: [plugin({ ...config, ...own })] }),
    })),
  })
}
