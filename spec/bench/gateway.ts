import { PrivateRedis } from '../../dev/redis.ts'
import { type HttpServer, httpServer } from '../support/http-server.ts'
import { completion } from '../support/upstream.ts'
import { calls } from './calls.ts'
import { benchDeclaration, type Way } from './declaration.ts'
import { benchGateways } from './gateways.ts'
import { load, type Measured, median } from './load.ts'
import { memory } from './memory.ts'

/**
 * Prints, side by side in one run: requests/s, p50 and p99 through this plugin and through an empty one with the same phases (with
 * GATEWAY=kong also no plugin and Kong's rate-limiting on Redis), PDK calls and Redis round trips per request, and the plugin
 * server's memory over 300,000 events.
 */

const ROUNDS = 5
const ROUND = 2000
const CONNECTIONS = 4

async function main(): Promise<void> {
  const redis = await PrivateRedis.start()
  const answer = completion(10)
  const upstream = await httpServer((_request, _body, response) => {
    response
      .writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length })
      .end(answer)
  })
  try {
    await speed(redis, upstream)
    print(await calls(redis.port))
    print(await memory(redis.port, 300_000))
  } finally {
    await upstream.close()
    await redis.stop()
  }
}

async function speed(redis: PrivateRedis, upstream: HttpServer): Promise<void> {
  const kong = process.env.GATEWAY === 'kong'
  const ways: readonly Way[] = [
    ...(kong ? (['plain', 'rate-limiting'] as const) : []),
    'empty',
    'virtual-key',
    'tapped',
    'budget',
    'reserve',
  ]
  const gateways = await benchGateways(ways, (own) => benchDeclaration(own, upstream.port, redis.port))
  const rounds = new Map<Way, Measured[]>(ways.map((way) => [way, []]))
  try {
    for (const way of ways) await load(gateways.url(way), { apikey: 'bench-key' }, CONNECTIONS, ROUND)
    for (let round = 0; round < ROUNDS; round++) {
      for (const [way, measured] of rounds) {
        measured.push(await load(gateways.url(way), { apikey: 'bench-key' }, CONNECTIONS, ROUND))
      }
    }
  } finally {
    await gateways.stop()
  }
  print(
    `gateway: ${kong ? 'Kong' : 'development stand-in'}, ${CONNECTIONS} connections, median of ${ROUNDS} rounds\n`,
  )
  print('                 requests/s    p50 ms    p99 ms')
  const middle = (way: Way) => median(rounds.get(way) ?? [])
  for (const way of ways) {
    const { perSecond, p50, p99 } = middle(way)
    print(
      `${way.padEnd(15)} ${perSecond.toFixed(0).padStart(11)} ${p50.toFixed(2).padStart(9)} ${p99.toFixed(2).padStart(9)}`,
    )
  }
  const ratio = (own: Way, other: Way) => (middle(own).perSecond / middle(other).perSecond).toFixed(2)
  print(
    `\nvirtual-key / empty plugin: ${ratio('virtual-key', 'empty')}, tapped ${ratio('tapped', 'empty')} (goal 0.8)`,
  )
  print(
    `registry and budget / without: ${ratio('budget', 'virtual-key')}, reserve ${ratio('reserve', 'virtual-key')}`,
  )
  if (!kong) return
  const [buffered, tapped] = [ratio('virtual-key', 'rate-limiting'), ratio('tapped', 'rate-limiting')]
  print(`virtual-key / rate-limiting: ${buffered}, tapped ${tapped} (goal 1.25)`)
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

main().catch((error: Error) => {
  process.stderr.write(`${error.stack}\n`)
  process.exitCode = 1
})
