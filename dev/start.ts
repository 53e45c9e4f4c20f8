import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import { stringify } from 'yaml'
import { outboxNames, partitionOf, totalName } from '../plugins/virtual-key/keys.ts'
import { startGateway } from './gateway/gateway.ts'
import { queryPlugin } from './gateway/plugin-query.ts'
import { startPluginServer } from './gateway/plugin-server.ts'
import { type Received, startInbox } from './inbox.ts'
import { taken } from './listen.ts'
import { PrivateRedis } from './redis.ts'
import { ROOT, readSample, type Sample, withRedis } from './sample.ts'
import { startUpstream } from './upstream.ts'
import { walkThrough } from './walk-through.ts'

/**
 * `npm start`: the whole thing on a machine without Docker and without Kong. `--once`: ends after the alert, with exit code 0 if
 * it came exactly once and 1 if not.
 */

const PORT = Number(process.env.PORT ?? 8000)

const { values: options } = parseArgs({ options: { once: { type: 'boolean', default: false } } })

const closing: Array<() => unknown> = []
/** Whatever was started is stopped in reverse order. */
const opened = <T>(thing: T, close: (thing: T) => unknown): T => {
  closing.push(() => close(thing))
  return thing
}

async function main(): Promise<number> {
  const sample = readSample()
  const url = process.env.REDIS_URL ?? opened(await PrivateRedis.start(), (redis) => redis.stop()).url
  const redis = opened(new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1 }), (client) =>
    client.disconnect(),
  )
  redis.on('error', () => undefined)
  await redis.connect().catch((cause: Error) => {
    throw new Error(`Redis at ${new URL(url).host} is not reachable: ${cause.message}`, { cause })
  })
  say(
    `Redis            ${new URL(url).host}${process.env.REDIS_URL ? '' : ' (private, goes with this process)'}`,
  )
  // The sample key starts at 0, also in a Redis that was used before.
  await redis.del(totalName(sample.keyId, 'total'))

  opened(await startUpstream(sample.upstreamPort), (server) => server.close())
  say(`Sample upstream  http://127.0.0.1:${sample.upstreamPort}`)
  const inbox: Received[] = []
  opened(
    await startInbox(sample.inboxPort, sample.secret, (received) => {
      inbox.push(received)
      say(
        `\n  ALERT ${received.verified ? 'verified' : 'NOT VERIFIED'}, webhook-id ${received.id}\n  ${received.body}\n`,
      )
    }),
    (server) => server.close(),
  )
  say(`Webhook inbox    http://127.0.0.1:${sample.inboxPort}/alerts`)
  const gateway = await start(sample, url)
  say(`Gateway          ${gateway} (development stand-in for Kong, reads kong.yml)\n`)

  const state = {
    total: async () => Number(await redis.get(totalName(sample.keyId, 'total'))),
    undelivered: () => redis.hlen(outboxNames(partitionOf(sample.keyId)).alerts),
    inbox,
  }
  const once = await walkThrough(gateway, sample, state, say)
  if (options.once) return once ? 0 : 1
  say(`Everything stays up; Ctrl-C ends it. To try it yourself:

  curl ${gateway}/v1/chat/completions -H 'apikey: ${sample.apiKey}' -H 'content-type: application/json' \\
    -d '{"model":"sample","messages":[{"role":"user","content":"What is a token?"}]}'

  curl -N ${gateway}/stream/v1/chat/completions -H 'apikey: ${sample.otherKey}' -H 'content-type: application/json' \\
    -d '{"model":"sample","stream":true,"messages":[{"role":"user","content":"What is a token?"}]}'

  redis-cli -u ${url} get '${totalName(sample.keyId, 'total')}'
`)
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
  return 0
}

/** The plugin server and the gateway, as Kong would run them. Returns the gateway's URL. */
async function start(sample: Sample, redisUrl: string): Promise<string> {
  const prefix = opened(mkdtempSync(join(tmpdir(), 'virtual-key-')), (folder) =>
    rmSync(folder, { recursive: true, force: true }),
  )
  const program = `"${process.execPath}" "${join(ROOT, 'dist', 'plugins', 'virtual-key', 'server.js')}"`
  const log = (level: string, message: string) => {
    if (level === 'err' || level === 'crit') say(`  [${level}] ${message}`)
  }
  const socket = join(prefix, 'js_pluginserver.sock')
  const info = await queryPlugin(`${program} --dump`)
  const command = `${program} --kong-prefix ${prefix}`
  opened(await startPluginServer({ command, socket, log }), (server) => server.close())
  const config = stringify(withRedis(sample, redisConfig(new URL(redisUrl))))
  const cure = 'stop what listens there, or choose another port with PORT=8010 npm start'
  const gateway = await startGateway({ config, plugin: { info, socket }, port: PORT, log }).catch((error) => {
    throw taken(error, PORT, 'the gateway', cure)
  })
  return opened(gateway, (running) => running.close()).url
}

/** A Redis URL in the words of the plugin's configuration. */
function redisConfig({ hostname, port, username, password, pathname, protocol }: URL): object {
  return {
    host: hostname,
    port: Number(port || 6379),
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    ...(pathname.length > 1 ? { database: Number(pathname.slice(1)) } : {}),
    ...(protocol === 'rediss:' ? { ssl: true } : {}),
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

main()
  .catch((error: Error) => {
    process.stderr.write(`virtual-key: ${error.message}\n`)
    return 1
  })
  .then(async (code) => {
    for (const close of closing.reverse()) await close()
    process.exit(code)
  })
