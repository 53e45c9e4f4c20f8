import { stringify } from 'yaml'
import { tapLua } from '../../plugins/virtual-key/metering/tap/lua.ts'

/**
 * Ways through the gateway that are measured side by side: `tapped` is virtual-key with the tap in post-function; `budget` has the
 * registry, a budget and its headers; `reserve` holds tokens besides.
 */
export type Way = 'plain' | 'rate-limiting' | 'empty' | 'virtual-key' | 'tapped' | 'budget' | 'reserve'

const tapConfig = Object.fromEntries(Object.entries(tapLua).map(([phase, lua]) => [phase, [lua]]))

/** A kong.yml with one route for each way, key-auth on all of them. */
export function benchDeclaration(ways: readonly Way[], upstreamPort: number, redisPort: number): string {
  const redis = { host: '127.0.0.1', port: redisPort }
  const budget = { registry: true, token_budget: Number.MAX_SAFE_INTEGER, redis }
  const plugins: Record<Way, object[]> = {
    plain: [],
    'rate-limiting': [{ name: 'rate-limiting', config: { policy: 'redis', hour: 1_000_000_000, redis } }],
    empty: [{ name: 'empty' }],
    'virtual-key': [{ name: 'virtual-key', config: { alert_threshold: 100, redis } }],
    tapped: [
      { name: 'virtual-key', config: { alert_threshold: 100, body: 'tapped', redis } },
      { name: 'post-function', config: tapConfig },
    ],
    budget: [{ name: 'virtual-key', config: budget }],
    reserve: [{ name: 'virtual-key', config: { ...budget, reserve: true } }],
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
