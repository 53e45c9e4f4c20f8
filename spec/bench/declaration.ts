import { stringify } from 'yaml'

/** Ways through the gateway that are measured side by side; `baseline` ones are what this plugin is held against. */
export type Way = 'plain' | 'rate-limiting' | 'empty' | 'virtual-key'

/** A kong.yml with one route for each way, key-auth on all of them. */
export function benchDeclaration(ways: readonly Way[], upstreamPort: number, redisPort: number): string {
  const redis = { host: '127.0.0.1', port: redisPort }
  const plugins: Record<Way, object[]> = {
    plain: [],
    'rate-limiting': [{ name: 'rate-limiting', config: { policy: 'redis', hour: 1_000_000_000, redis } }],
    empty: [{ name: 'empty' }],
    'virtual-key': [{ name: 'virtual-key', config: { alert_threshold: 100, redis } }],
  }
  return stringify({
    _format_version: '3.0',
    services: [
      {
        name: 'bench',
        url: `http://127.0.0.1:${upstreamPort}`,
        routes: ways.map((way) => ({
          name: way,
          paths: [`/${way}`],
          plugins: [{ name: 'key-auth' }, ...plugins[way]],
        })),
      },
    ],
    consumers: [{ username: 'bench', keyauth_credentials: [{ key: 'bench-key' }] }],
  })
}
