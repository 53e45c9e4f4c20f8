import { Redis } from 'ioredis'
import { exchange, newInstance } from '../support/exchange.ts'
import { PluginProcess } from '../support/plugin-process.ts'

const REQUESTS = 100

/** PDK calls and Redis round trips of one request that settles and crosses nothing. */
export async function calls(redisPort: number): Promise<string> {
  const server = await PluginProcess.start()
  const redis = new Redis(redisPort)
  try {
    const wire = await server.connect()
    const instance = await newInstance(wire, redisPort)
    for (let i = 0; i < 20; i++) await exchange(wire, instance, 'settled')
    const before = await settleCalls(redis)
    let made: string[] = []
    for (let i = 0; i < REQUESTS; i++) made = await exchange(wire, instance, 'settled')
    const trips = ((await settleCalls(redis)) - before) / REQUESTS
    wire.close()
    return `\nPDK calls per request: ${made.length} (${made.join(', ')})\nRedis round trips per request: ${trips.toFixed(2)}`
  } finally {
    redis.disconnect()
    await server.stop()
  }
}

/** Scripts that touched a `seen` bitmap: the sweeps of the dispatcher are none of the requests' cost. */
async function settleCalls(redis: Redis): Promise<number> {
  const stats = await redis.info('commandstats')
  return Number(/cmdstat_getbit:calls=(\d+)/.exec(stats)?.[1] ?? 0)
}
