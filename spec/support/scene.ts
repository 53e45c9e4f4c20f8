import { Redis } from 'ioredis'
import { PrivateRedis } from '../../dev/redis.ts'
import { totalName } from '../../plugins/virtual-key/redis/names.ts'
import { type Scene as Declared, declaration } from './declaration.ts'
import { type RunningGateway, startGateway } from './gateway.ts'
import { Receiver } from './receiver.ts'
import { setUp } from './set-up.ts'
import { Upstream } from './upstream.ts'

export interface SceneOptions {
  /** Number of gateways, all on one Redis. */
  readonly gateways?: number
  readonly keyAuth?: boolean
  /** How many keys there are for `newKey`; 40 unless told otherwise. */
  readonly keys?: number
  /** Options of redis-server. */
  readonly redis?: readonly string[]
  readonly tap?: boolean
  /** Further routes, given the webhook's URL. */
  readonly routes?: (webhook: string) => NonNullable<Declared['routes']>
}

/** A gateway with everything around it, each of it real: Redis, an upstream, a webhook receiver. */
export class Scene {
  readonly redis: PrivateRedis
  readonly client: Redis
  readonly upstream: Upstream
  readonly receiver: Receiver
  readonly gateways: RunningGateway[] = []
  /** A key for each test, so that none depends on another. */
  readonly #keys: readonly string[]
  #next = 0

  private constructor(redis: PrivateRedis, upstream: Upstream, receiver: Receiver, keys: readonly string[]) {
    this.redis = redis
    this.client = new Redis(redis.port)
    // Some specs take Redis away.
    this.client.on('error', () => undefined)
    this.upstream = upstream
    this.receiver = receiver
    this.#keys = keys
  }

  /** @param config of the plugin on the route, given the webhook's URL */
  static async start(
    config: (webhook: string) => Record<string, unknown>,
    {
      gateways = 1,
      keyAuth = true,
      keys: count = 40,
      redis = [],
      tap = false,
      routes = () => ({}),
    }: SceneOptions = {},
  ): Promise<Scene> {
    const keys = Array.from({ length: count }, (_, i) => `vk-${i}`)
    return setUp(async (started) => {
      const server = started(await PrivateRedis.start(redis), (one) => one.stop())
      const upstream = started(await Upstream.start(), (one) => one.stop())
      const receiver = started(await Receiver.start(), (one) => one.stop())
      const scene = started(new Scene(server, upstream, receiver, keys), ({ client }) => client.disconnect())
      const text = declaration({
        redisPort: server.port,
        upstreamPort: upstream.port,
        config: config(receiver.url),
        keyAuth,
        consumers: Object.fromEntries(keys.map((key) => [key, undefined])),
        tap,
        routes: routes(receiver.url),
      })
      for (let i = 0; i < gateways; i++)
        scene.gateways.push(started(await startGateway(text), (gateway) => gateway.stop()))
      return scene
    })
  }

  get gateway(): RunningGateway {
    const [first] = this.gateways
    if (first === undefined) throw new Error('no gateway was started')
    return first
  }

  newKey(): string {
    const key = this.#keys[this.#next++]
    if (key === undefined) throw new Error(`a scene has ${this.#keys.length} keys`)
    return key
  }

  /** Tokens of a key, as Redis has them. */
  async total(key: string): Promise<number> {
    return Number(await this.client.get(totalName(key, 'total')))
  }

  /** Back to the plain case between two tests. */
  reset(): void {
    this.receiver.received.length = 0
    this.receiver.answer = (response) => response.writeHead(204).end()
    this.upstream.tokens = 10
    this.upstream.requests.length = 0
    this.upstream.answer = (response) => this.upstream.complete(response, this.upstream.tokens)
  }

  async stop(): Promise<void> {
    for (const gateway of this.gateways) await gateway.stop()
    await this.receiver.stop()
    await this.upstream.stop()
    this.client.disconnect()
    await this.redis.stop()
  }
}
