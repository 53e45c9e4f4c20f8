import { stringify } from 'yaml'
import { tapLua } from '../../plugins/virtual-key/metering/tap/lua.ts'

export interface Scene {
  readonly redisPort: number
  readonly upstreamPort: number
  /** The plugin's configuration on the route /v1, but for `redis`. */
  readonly config?: Record<string, unknown>
  /** Further configurations for single consumers. */
  readonly consumers?: Readonly<Record<string, Record<string, unknown> | undefined>>
  readonly keyAuth?: boolean
  /** Whether the route /v1 has the tap. */
  readonly tap?: boolean
  /** Further routes by name, each at `/<name>`, which is stripped. */
  readonly routes?: Readonly<Record<string, RouteOptions>>
}

export interface RouteOptions {
  /** The plugin's; absent: the plugin is not on this route. */
  readonly config?: Record<string, unknown>
  readonly tap?: boolean
}

/** The plugins entry that `vk tap` prints. */
const TAP = {
  name: 'post-function',
  config: Object.fromEntries(Object.entries(tapLua).map(([phase, lua]) => [phase, [lua]])),
}

/** A kong.yml for one route, key-auth, the plugin, and consumers whose API key is `<username>-secret`. */
export function declaration({
  redisPort,
  upstreamPort,
  config = {},
  consumers = { 'vk-abc': undefined },
  keyAuth = true,
  tap = false,
  routes = {},
}: Scene): string {
  const plugin = (own: Record<string, unknown>) => ({
    name: 'virtual-key',
    config: { redis: { host: '127.0.0.1', port: redisPort, timeout: 5000 }, ...own },
  })
  const plugins = (options: RouteOptions) => [
    ...(keyAuth ? [{ name: 'key-auth' }] : []),
    ...(options.config ? [plugin(options.config)] : []),
    ...(options.tap ? [TAP] : []),
  ]
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
            plugins: plugins({ config, tap }),
          },
          ...Object.entries(routes).map(([name, options]) => ({
            name,
            paths: [`/${name}`],
            plugins: plugins(options),
          })),
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
