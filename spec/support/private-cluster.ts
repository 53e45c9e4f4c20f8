import { isDeepStrictEqual } from 'node:util'
import { Redis } from 'ioredis'
import { PrivateRedis } from '../../dev/redis.ts'
import type { RedisConfig } from '../../schema/config.ts'
import { until } from './until.ts'

const SLOTS = 16_384
const OPTIONS = [
  '--cluster-enabled yes',
  '--cluster-node-timeout 2000',
  '--cluster-require-full-coverage no',
].flatMap((option) => option.split(' '))

/**
 * A private Redis Cluster: masters on free loopback ports, without replicas. The masters of a new one refuse writes for two seconds,
 * so a spec that only needs a cluster borrows one and gives it back, and the next spec of the same process gets it, empty.
 */
export class PrivateCluster {
  static readonly #idle: PrivateCluster[] = []
  readonly nodes: readonly PrivateRedis[]
  /** The state of each node when it was new. */
  #untouched: readonly string[] = []

  private constructor(nodes: readonly PrivateRedis[]) {
    this.nodes = nodes
  }

  /** An empty cluster that nobody else uses until it is given back. */
  static async borrow(): Promise<PrivateCluster> {
    const cluster = PrivateCluster.#idle.pop() ?? (await PrivateCluster.start())
    if (cluster.#untouched.length === 0) cluster.#untouched = await cluster.#states()
    return cluster
  }

  /**
   * Lends it to nobody else, and ends it, where the spec left it changed: a server that was restarted, another setting or user, a connection
   * that is still open and may write.
   */
  async giveBack(): Promise<void> {
    const states = await this.#states().catch(() => undefined)
    if (isDeepStrictEqual(states, this.#untouched)) PrivateCluster.#idle.push(this)
    else await this.stop()
  }

  /** Empties every node, and returns everything else that a spec can change in it. */
  async #states(): Promise<string[]> {
    return Promise.all(
      this.nodes.map(async ({ port }) => {
        const client = new Redis({ port, retryStrategy: () => null })
        client.on('error', () => undefined)
        try {
          // Connections that have just been closed are still listed for a moment.
          await until('the end of all connections', async () => (await connections(client)) === 1, 500)
          await client.flushall()
          await client.script('FLUSH')
          const run = /run_id:(\w+)/.exec(await client.info('server'))?.[1]
          return JSON.stringify([run, await client.config('GET', '*'), await client.acl('LIST')])
        } finally {
          client.disconnect()
        }
      }),
    )
  }

  static async start(size = 3): Promise<PrivateCluster> {
    const nodes: PrivateRedis[] = []
    while (nodes.length < size) nodes.push(await PrivateRedis.start(OPTIONS))
    const clients = nodes.map(({ port }) => new Redis(port))
    try {
      await Promise.all(
        clients.map((client, i) => {
          const [first, last] = [Math.floor((SLOTS / size) * i), Math.floor((SLOTS / size) * (i + 1)) - 1]
          const slots = Array.from({ length: last - first + 1 }, (_, n) => first + n)
          return client.cluster('ADDSLOTS', slots)
        }),
      )
      for (const { port } of nodes.slice(1)) await clients[0]?.cluster('MEET', '127.0.0.1', port)
      for (const client of clients)
        await until('the cluster', async () => {
          const info = ((await client.cluster('INFO')) as string).split('\r\n')
          return ['cluster_state:ok', `cluster_slots_ok:${SLOTS}`, `cluster_known_nodes:${size}`].every(
            (line) => info.includes(line),
          )
        })
    } catch (error) {
      await Promise.all(nodes.map((node) => node.stop()))
      throw error
    } finally {
      for (const client of clients) client.disconnect()
    }
    return new PrivateCluster(nodes)
  }

  /** Where a configuration says that the cluster is. */
  get cluster_nodes(): NonNullable<RedisConfig['cluster_nodes']> {
    return this.nodes.map(({ port }) => ({ ip: '127.0.0.1', port }))
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()))
  }
}

async function connections(client: Redis): Promise<number> {
  return String(await client.client('LIST'))
    .trim()
    .split('\n').length
}
