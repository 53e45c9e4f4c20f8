import type { RedisConfig } from '../../schema/config.ts'

/** Where a Redis is. */
export interface RedisPlace {
  /** host:port; several of a cluster; what each sentinel calls its master. */
  readonly addresses: readonly string[]
  readonly database: number
}

/** Where the `redis` part of a configuration leads; an older version of the plugin leaves fields out, and Kong says null. */
export function placeOf(redis: { readonly [N in keyof RedisConfig]?: RedisConfig[N] | null }): RedisPlace {
  const { host, port, database, cluster_nodes, sentinel_master, sentinel_nodes } = redis
  const nodes = (cluster_nodes ?? []).map((node) => `${node.ip}:${node.port}`)
  const sentinels = (sentinel_master ? (sentinel_nodes ?? []) : []).map(
    (node) => `${sentinel_master} of sentinel ${node.host}:${node.port}`,
  )
  const plain = [`${host ?? '127.0.0.1'}:${port ?? 6379}`]
  return {
    addresses: nodes.length > 0 ? nodes : sentinels.length > 0 ? sentinels : plain,
    database: database ?? 0,
  }
}

/** Whether both are the same as far as their names tell. Of a cluster one common node is enough: any node leads to all. */
export function samePlace(one: RedisPlace, other: RedisPlace): boolean {
  const known = other.addresses.map(plainAddress)
  return (
    one.database === other.database && one.addresses.some((address) => known.includes(plainAddress(address)))
  )
}

function plainAddress(address: string): string {
  return address.toLowerCase().replace(/^(localhost|::1|\[::1\]):/, '127.0.0.1:')
}
