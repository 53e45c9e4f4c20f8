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
  /** Values of its configuration; empty means that each node counts separately, which is Kong's default. */
  readonly config: { readonly policy?: 'redis'; readonly redis?: PluginConfig }
  /** Notes for the operator. */
  readonly notes: readonly string[]
}

const NAME = 'rate-limiting'

/** Fields of rate-limiting's `redis` that virtual-key has under the same name. Source: Kong 3.9, kong/tools/redis/schema.lua. */
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

/** Rights that a Redis user needs besides PLUGIN_SERVER_RIGHTS for Kong's rate-limiting, whose script calls INCR and EXPIRE. */
export const RATE_LIMIT_RULES = ['~ratelimit:*', '+incr'] as const

/**
 * The Redis of the plugin, so that all gateways count together. By Kong's default each node counts separately, so that three nodes allow
 * three times as many requests.
 * @param configurations of virtual-key that apply, without that of the consumer itself: otherwise the run that creates it and the next one
 *   would choose different places
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

/** Plans a limit of requests a minute by Kong's own plugin. A plugin that exists already keeps the place where it counts. */
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

/** Plans the end of the limit: a plugin that vk made is deleted, any other stays. */
export function noRateLimitPlan(id: string, { plugins }: Pick<ConsumerState, 'plugins'>): Plan {
  const there = plugins.find(({ name }) => name === NAME)
  if (there === undefined) return { changes: [], kept: [], notes: [] }
  const what = `plugin ${NAME} of consumer ${id}`
  if (!tagged(there)) return { changes: [], kept: [what], notes: [`${what} was not made by vk: it stays`] }
  const scope: Scope = { kind: 'consumer', name: id }
  const operation = { kind: 'delete plugin', scope, name: there.name, id: there.id } as const
  return { changes: [{ action: 'delete', what, fields: [], operation }], kept: [], notes: [] }
}
