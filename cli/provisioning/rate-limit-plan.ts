import type { KeySettings } from '../../schema/key.ts'
import { json } from '../output/text.ts'
import type { Applying } from './applying.ts'
import { configChanges } from './config-changes.ts'
import type { ConsumerState } from './kong-state.ts'
import { type PluginConfig, TAG, tagged } from './kong-state.ts'
import type { Plan, Scope } from './plan.ts'
import { redisOf, shownPlace } from './plugin-redis.ts'

/** Where Kong's rate-limiting counts the requests of a key. */
export interface RateCounter {
  /** Of its configuration; empty: on each node for itself, which is its default. */
  readonly config: { readonly policy?: 'redis'; readonly redis?: PluginConfig }
  /** What the operator should know of it. */
  readonly notes: readonly string[]
}

const NAME = 'rate-limiting'

/** What rate-limiting's `redis` can say, by the names that virtual-key uses too. Source: Kong 3.9, kong/tools/redis/schema.lua. */
const REDIS_FIELDS = [
  'host',
  'port',
  'username',
  'password',
  'database',
  'ssl',
  'ssl_verify',
  'server_name',
] as const

/** What a Redis user needs beside PLUGIN_SERVER_RIGHTS, so that Kong's rate-limiting can count with it: its script runs INCR and EXPIRE. */
export const RATE_LIMIT_RULES = ['~ratelimit:*', '+incr'] as const

/**
 * The Redis of the plugin, so that all gateways count together. Kong's own default counts on each node for itself, and three nodes let
 * three times as many through.
 * @param configurations of virtual-key that apply, without that of the consumer itself: a run that made it would count elsewhere than the
 *   run before
 */
export function rateCounter(configurations: readonly Applying[]): RateCounter {
  const [first] = configurations
  if (first === undefined)
    return onEachNode('no virtual-key applies, in whose Redis all of them could count together')
  const redis = redisOf(first.config)
  if (typeof redis.sentinel_master === 'string')
    return onEachNode(`the Redis of ${first.where} is behind Sentinel, which ${NAME} cannot use`)
  if (Array.isArray(redis.cluster_nodes) && redis.cluster_nodes.length > 0)
    return onEachNode(`the Redis of ${first.where} is a cluster, which ${NAME} cannot use`)
  const named = REDIS_FIELDS.filter((name) => redis[name] !== undefined && redis[name] !== null)
  const own = { host: '127.0.0.1', ...Object.fromEntries(named.map((name) => [name, redis[name]])) }
  const user = redis.username
  return {
    config: { policy: 'redis', redis: own },
    notes:
      typeof user === 'string'
        ? [
            `${NAME} counts in the Redis of ${first.where}: its user ${json(user)} needs the rules ${RATE_LIMIT_RULES.join(' ')} too`,
          ]
        : [],
  }
}

function onEachNode(reason: string): RateCounter {
  return {
    config: {},
    notes: [`the rate limit holds on each Kong node for itself: ${reason}`],
  }
}

/** Requests a minute, kept by Kong's own plugin. What is there already, and vk does not know better, counts where it counted. */
export function rateLimitPlan(
  id: string,
  minute: KeySettings['rate_limit'],
  { plugins }: Pick<ConsumerState, 'plugins'>,
  { config, notes }: RateCounter,
): Plan {
  if (minute === undefined) return { changes: [], kept: [], notes: [] }
  const scope: Scope = { kind: 'consumer', name: id }
  const there = plugins.find(({ name }) => name === NAME)
  if (there !== undefined) {
    const better = tagged(there) && config.redis !== undefined
    const plan = configChanges(scope, there, better ? { minute, ...config } : { minute })
    const local = !better && there.config.policy === 'local'
    const told = local ? [`the plugin ${NAME} that is there counts on each Kong node for itself`] : []
    return { ...plan, notes: [...plan.notes, ...(better ? notes : told)] }
  }
  const operation = {
    kind: 'create plugin',
    scope,
    name: NAME,
    config: { minute, ...config },
    tags: [TAG],
  } as const
  const fields = [{ field: 'config.minute', to: minute }]
  const where = config.redis && `for all gateways together, in Redis at ${shownPlace(config)}`
  const remark = where === undefined ? {} : { remark: where }
  return {
    changes: [{ action: 'create', what: `plugin ${NAME} of consumer ${id}`, fields, ...remark, operation }],
    kept: [],
    notes,
  }
}

/** No limit any more: the one that vk made goes, somebody else's stays. */
export function noRateLimitPlan(id: string, { plugins }: Pick<ConsumerState, 'plugins'>): Plan {
  const there = plugins.find(({ name }) => name === NAME)
  if (there === undefined) return { changes: [], kept: [], notes: [] }
  const what = `plugin ${NAME} of consumer ${id}`
  if (!tagged(there)) return { changes: [], kept: [what], notes: [`${what} was not made by vk: it stays`] }
  const scope: Scope = { kind: 'consumer', name: id }
  const operation = { kind: 'delete plugin', scope, name: there.name, id: there.id } as const
  return { changes: [{ action: 'delete', what, fields: [], operation }], kept: [], notes: [] }
}
