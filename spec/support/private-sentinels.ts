import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePort } from '../../dev/free-port.ts'
import { PrivateRedis, redisServer } from '../../dev/redis.ts'
import type { RedisConfig } from '../../schema/config.ts'
import { until } from './until.ts'

const MASTER = 'virtual-key'
/** A master that does not answer for this long is considered down. Unit: milliseconds. */
const DOWN_AFTER = 1000
const SENTINELS = 3
const REPLICAS = 2

/** A private master with replicas and three sentinels, each a process on a free loopback port. */
export class PrivateSentinels {
  readonly servers: readonly PrivateRedis[]
  readonly #ports: readonly number[]
  readonly #processes: readonly ChildProcess[]
  readonly #folder: string
  readonly #cleanUp = () => {
    for (const one of this.#processes) one.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }

  private constructor(servers: readonly PrivateRedis[], ports: readonly number[], binary: string) {
    this.servers = servers
    this.#ports = ports
    this.#folder = mkdtempSync(join(tmpdir(), 'virtual-key-sentinels-'))
    this.#processes = ports.map((port) => {
      const file = join(this.#folder, `${port}.conf`)
      // A sentinel rewrites its own file, and finds the other sentinels and the replicas through the master.
      writeFileSync(
        file,
        [
          `port ${port}`,
          'bind 127.0.0.1',
          `dir ${this.#folder}`,
          `sentinel monitor ${MASTER} 127.0.0.1 ${servers[0]?.port} 2`,
          `sentinel down-after-milliseconds ${MASTER} ${DOWN_AFTER}`,
          `sentinel failover-timeout ${MASTER} 5000`,
          '',
        ].join('\n'),
      )
      return spawn(binary, [file, '--sentinel'], { stdio: 'ignore' })
    })
    process.once('exit', this.#cleanUp)
  }

  /** @param options of every redis-server */
  static async start(options: readonly string[] = []): Promise<PrivateSentinels> {
    const master = await PrivateRedis.start(options)
    const servers = [master]
    while (servers.length <= REPLICAS)
      servers.push(await PrivateRedis.start([...options, '--replicaof', '127.0.0.1', String(master.port)]))
    const ports: number[] = []
    while (ports.length < SENTINELS) ports.push(await freePort())
    const sentinels = new PrivateSentinels(servers, ports, await redisServer())
    await until(
      'sentinels that know each other and the replicas',
      async () => {
        const seen = await Promise.all(ports.map((port) => sentinels.#ask(port, 'MASTER', MASTER)))
        return seen.every((fields) => {
          const at = (name: string) => Number(fields[fields.indexOf(name) + 1])
          return at('num-other-sentinels') === SENTINELS - 1 && at('num-slaves') === REPLICAS
        })
      },
      30_000,
    )
    return sentinels
  }

  /** What a configuration says about it, besides what every `redis` has. */
  get config(): Pick<RedisConfig, 'sentinel_master' | 'sentinel_nodes'> {
    return {
      sentinel_master: MASTER,
      sentinel_nodes: this.#ports.map((port) => ({ host: '127.0.0.1', port })),
    }
  }

  /** The server that the sentinels name. */
  async master(): Promise<PrivateRedis> {
    for (const port of this.#ports) {
      const [, at] = await this.#ask(port, 'GET-MASTER-ADDR-BY-NAME', MASTER)
      const server = this.servers.find((one) => one.port === Number(at))
      if (server !== undefined) return server
    }
    throw new Error('no sentinel names a master')
  }

  /** Makes another server the master while the old one still runs. */
  async failOver(): Promise<void> {
    await this.#ask(this.#ports[0] ?? 0, 'FAILOVER', MASTER)
  }

  async stop(): Promise<void> {
    process.off('exit', this.#cleanUp)
    this.#cleanUp()
    await Promise.all(this.servers.map((server) => server.stop()))
  }

  /** Empty if the sentinel does not answer. */
  async #ask(port: number, command: string, argument: string): Promise<string[]> {
    const client = new Redis({ port, lazyConnect: true, retryStrategy: () => null })
    client.on('error', () => undefined)
    try {
      await client.connect()
      const reply = await client.call('SENTINEL', command, argument)
      return Array.isArray(reply) ? reply.map(String) : []
    } catch (error) {
      if (command === 'FAILOVER') throw error
      return []
    } finally {
      client.disconnect()
    }
  }
}
