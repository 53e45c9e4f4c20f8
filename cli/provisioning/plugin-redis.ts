import type { RedisConfig } from '../../schema/config.ts'
import { placeOf, samePlace } from '../options/redis-place.ts'
import type { PluginConfig } from './kong-state.ts'

/** Fields that say where Redis is. */
const PLACE = ['host', 'port', 'database', 'cluster_nodes', 'sentinel_master', 'sentinel_nodes'] as const

/** The Redis in the options of `vk`, as the plugin's configuration names it. Without timeouts, which may differ. */
export function pluginRedis({ timeout: _, host, port, ssl_verify, ...redis }: RedisConfig): PluginConfig {
  const elsewhere = redis.cluster_nodes !== undefined || redis.sentinel_master !== undefined
  const given = {
    ...(elsewhere ? {} : { host, port }),
    ...redis,
    ...(redis.ssl ? { ssl_verify } : {}),
  }
  return Object.fromEntries(Object.entries(given).filter(([name, value]) => value !== UNSAID[name]))
}

/** The defaults that Kong fills in. */
const UNSAID: Readonly<Record<string, unknown>> = { port: 6379, database: 0, ssl: false }

/** Whether a configuration says where Redis is, without defaults. */
export function namesRedis(config: PluginConfig): boolean {
  const redis = redisOf(config)
  return PLACE.some((name) => redis[name] !== undefined && redis[name] !== null)
}

/** @param redis used if the configuration does not say where Redis is; its other settings of Redis stay */
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

/** Loopback addresses mean the machine that runs Kong, which is seldom the one that runs `vk`. */
export function isLocal(config: PluginConfig): boolean {
  return /^(127\.|localhost:|::1:)/.test(shownPlace(config))
}

/**
 * Those of the configurations that name another Redis than the options of `vk`. Clusters and sentinels are left out: they have many names,
 * and each node that answers leads to all of them.
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
