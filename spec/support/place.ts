import { Cluster, Redis } from 'ioredis'
import { PrivateRedis } from '../../dev/redis.ts'
import { type Connected, connected } from './connection.ts'
import { PrivateCluster } from './private-cluster.ts'

/** Where a spec's data lives. The same specs run on a single Redis and on a cluster. */
export interface Place {
  readonly servers: readonly PrivateRedis[]
  /** For looking at what the plugin wrote: its commands for one name work on both. */
  readonly plain: Redis
  /** A connection as the plugin makes it. */
  connect(): Promise<Connected>
  /** Empties it. */
  flush(): Promise<void>
  /** All names in it. */
  names(): Promise<string[]>
  stop(): Promise<void>
}

const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always']

async function single(): Promise<Place> {
  const server = await PrivateRedis.start(DURABLE)
  const plain = new Redis(server.port, { retryStrategy: () => 20 })
  plain.on('error', () => undefined)
  return {
    servers: [server],
    plain,
    connect: () => connected(server.port),
    flush: async () => void (await plain.flushall()),
    names: () => plain.keys('*'),
    async stop() {
      plain.disconnect()
      await server.stop()
    },
  }
}

async function cluster(): Promise<Place> {
  const servers = await PrivateCluster.borrow()
  const { cluster_nodes } = servers
  const plain = new Cluster(cluster_nodes.map(({ ip, port }) => ({ host: ip, port })))
  plain.on('error', () => undefined)
  return {
    servers: servers.nodes,
    plain: plain as unknown as Redis,
    connect: () => connected(0, { cluster_nodes }),
    async flush() {
      await Promise.all(plain.nodes('master').map((node) => node.flushall()))
    },
    async names() {
      return (await Promise.all(plain.nodes('master').map((node) => node.keys('*')))).flat()
    },
    async stop() {
      plain.disconnect()
      await servers.giveBack()
    },
  }
}

export const PLACES: Readonly<Record<string, () => Promise<Place>>> = {
  'a single Redis': single,
  'a Redis Cluster': cluster,
}
