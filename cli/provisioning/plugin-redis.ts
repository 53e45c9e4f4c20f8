import type { RedisConfig } from '../../schema/config.ts'
import { placeOf, samePlace } from '../options/redis-place.ts'
import type { PluginConfig } from './kong-state.ts'

/** What says where Redis is. */
const PLACE = ['host', 'port', 'database', 'cluster_nodes', 'sentinel_master', 'sentinel_nodes'] as const

/** The Redis that `vk` was told of, as the plugin's configuration says it. Time-outs are each one's own. */
export function pluginRedis({ timeout: _, host, port, ssl_verify, ...redis }: RedisConfig): PluginConfig {
  const elsewhere = redis.cluster_nodes !== undefined || redis.sentinel_master !== undefined
  const given = {
    ...(elsewhere ? {} : { host, port }),
    ...redis,
    ...(redis.ssl ? { ssl_verify } : {}),
  }
  return Object.fromEntries(Object.entries(given).filter(([name, value]) => value !== UNSAID[name]))
}

/** What Kong fills in. */
const UNSAID: Readonly<Record<string, unknown>> = { port: 6379, database: 0, ssl: false }

/** Whether a configuration says by itself where Redis is. */
export function namesRedis(config: PluginConfig): boolean {
  const redis = redisOf(config)
  return PLACE.some((name) => redis[name] !== undefined && redis[name] !== null)
}

/** @param redis where the configuration does not say it; what it says of it else stays */
export function withRedis(config: PluginConfig, redis: PluginConfig): PluginConfig {
  return { ...config, redis: { ...redis, ...redisOf(config) } }
}

/** `host:port`, or the nodes, for people. */
export function shownPlace(config: PluginConfig): string {
  const { host = '127.0.0.1', port = 6379, cluster_nodes: nodes, sentinel_master: master } = redisOf(config)
  if (typeof master === 'string') return `the master ${master} of its sentinels`
  return Array.isArray(nodes) && nodes.length > 0
    ? nodes.map((node: { ip?: string; port?: number }) => `${node.ip}:${node.port ?? 6379}`).join(', ')
    : `${host}:${port}`
}

/** Of the machine that runs Kong, which is seldom the one that runs `vk`. */
export function isLocal(config: PluginConfig): boolean {
  return /^(127\.|localhost:|::1:)/.test(shownPlace(config))
}

/**
 * Which of these configurations look for Redis by another name than `vk` does. A node of a cluster, or one behind sentinels, has many
 * names, and one that answers leads to all: nothing is said of those.
 */
export function elsewhere<T extends { readonly config: PluginConfig }>(
  configurations: readonly T[],
  here: PluginConfig,
): T[] {
  const many = ({ cluster_nodes, sentinel_master }: PluginConfig) =>
    cluster_nodes != null || sentinel_master != null
  const own = redisOf(here)
  return configurations.filter(({ config }) => {
    const redis = redisOf(config)
    return !many(own) && !many(redis) && !samePlace(placeOf(redis), placeOf(own))
  })
}

/** The record, or an empty one. */
export function redisOf({ redis }: PluginConfig): PluginConfig {
  return typeof redis === 'object' && redis !== null ? (redis as PluginConfig) : {}
}
