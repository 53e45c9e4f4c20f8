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

/** A Redis Cluster of one's own: masters on free loopback ports, without replicas. */
export class PrivateCluster {
  readonly nodes: readonly PrivateRedis[]

  private constructor(nodes: readonly PrivateRedis[]) {
    this.nodes = nodes
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
