import { mkdtempSync, rmSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import { stringify } from 'yaml'
import { outboxNames, partitionOf, totalName } from '../plugins/virtual-key/redis/names.ts'
import { AdminApi, serveAdminApi } from './gateway/admin-api.ts'
import { startGateway } from './gateway/gateway.ts'
import { queryPlugin } from './gateway/plugin-query.ts'
import { startPluginServer } from './gateway/plugin-server.ts'
import { type Received, startInbox } from './inbox.ts'
import { portOf, taken } from './listen.ts'
import { PrivateRedis } from './redis.ts'
import { declarationAt, type Places, ROOT, readSample, type Sample } from './sample.ts'
import { startUpstream } from './upstream.ts'
import { walkThrough } from './walk-through.ts'

/**
 * `npm start`: the whole thing on a machine without Docker and without Kong. `--once`: ends after the alert, with exit code 0 if
 * it came exactly once and 1 if not.
 */

const USAGE = `npm start [-- --once]

  --once      end after the alert: exit code 0 if it came exactly once and was verified, 1 if not
  PORT        of the gateway, 8000 unless set; its Admin API has the next one. 0: free ports for everything
  REDIS_URL   a Redis to use instead of a private one, such as redis://127.0.0.1:6379/5`

const closing: Array<() => unknown> = []
/** Whatever was started is stopped in reverse order. */
const opened = <T>(thing: T, close: (thing: T) => unknown): T => {
  closing.push(() => close(thing))
  return thing
}

async function main(): Promise<number> {
  const { values: options } = parseArgs({
    options: { once: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  })
  if (options.help) {
    say(USAGE)
    return 0
  }
  const port = Number(process.env.PORT ?? 8000)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`PORT=${process.env.PORT} is no port`)
  const interrupted = new Promise<void>((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
  return await Promise.race([run(port, options.once, interrupted), interrupted.then(() => 0)])
}

async function run(port: number, untilAlert: boolean, interrupted: Promise<void>): Promise<number> {
  const sample = readSample()
  const given = process.env.REDIS_URL
  const url = given ?? opened(await PrivateRedis.start(), (redis) => redis.stop()).url
  const redis = opened(await connected(url), (client) => client.disconnect())
  say(
    `Redis            ${new URL(url).host}${given ? `, key ${sample.keyId} starts anew there` : ' (private, goes with this process)'}`,
  )
  await redis.del(totalName(sample.keyId, 'total'))

  const preset = (named: number) => (port === 0 ? 0 : named)
  const upstream = opened(await startUpstream(preset(sample.upstreamPort)), (server) => server.close())
  say(`Sample upstream  http://127.0.0.1:${portOf(upstream)}`)
  const inbox: Received[] = []
  const inboxServer = opened(
    await startInbox(preset(sample.inboxPort), sample.secret, (received) => {
      inbox.push(received)
      say(
        `\n  ALERT ${received.verified ? 'verified' : 'NOT VERIFIED'}, webhook-id ${received.id}\n  ${received.body}\n`,
      )
    }),
    (server) => server.close(),
  )
  say(`Webhook inbox    http://127.0.0.1:${portOf(inboxServer)}/alerts`)
  const places = {
    redis: redisConfig(new URL(url)),
    upstreamPort: portOf(upstream),
    inboxPort: portOf(inboxServer),
  }
  const { gateway, admin } = await start(sample, places, port)
  say(`Gateway          ${gateway} (development stand-in for Kong, reads kong.yml)`)
  say(`Admin API        ${admin} (what it changes takes effect at once, and is gone at the end)\n`)

  const state = {
    total: async () => Number(await redis.get(totalName(sample.keyId, 'total'))),
    undelivered: () => redis.hlen(outboxNames(partitionOf(sample.keyId)).alerts),
    inbox,
  }
  const once = await walkThrough(gateway, sample, state, say)
  if (untilAlert) return once ? 0 : 1
  const named = new URL(url).password === '' ? url : '"$REDIS_URL"'
  say(`Everything stays up; Ctrl-C ends it. To try it yourself:

  curl ${gateway}/v1/chat/completions -H 'apikey: ${sample.apiKey}' -H 'content-type: application/json' \\
    -d '{"model":"sample","messages":[{"role":"user","content":"What is a token?"}]}'

  curl -N ${gateway}/stream/v1/chat/completions -H 'apikey: ${sample.otherKey}' -H 'content-type: application/json' \\
    -d '{"model":"sample","stream":true,"messages":[{"role":"user","content":"What is a token?"}]}'

  redis-cli -u ${named} get '${totalName(sample.keyId, 'total')}'
  REDIS_URL=${named} node dist/cli/main.js usage ${sample.keyId}

A virtual key of your own, which works at once:

  node dist/cli/main.js keys create vk-mine --admin-url ${admin}
`)
  await interrupted
  return 0
}

/** @throws Error of one line if the URL is invalid, or nothing answers there */
async function connected(url: string): Promise<Redis> {
  if (!/^rediss?:\/\/./.test(url) || !URL.canParse(url)) {
    throw new Error(`REDIS_URL=${url} is no URL such as redis://127.0.0.1:6379`)
  }
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1, retryStrategy: () => null })
  let reason = ''
  redis.on('error', (error: Error) => {
    reason = error.message
  })
  await redis.connect().catch((cause: Error) => {
    throw new Error(`Redis at ${new URL(url).host} is not reachable: ${reason || cause.message}`, { cause })
  })
  return redis
}

/** The plugin server and the gateway, as Kong would run them, and its Admin API. Returns the URLs of both. */
async function start(
  sample: Sample,
  places: Places,
  port: number,
): Promise<{ readonly gateway: string; readonly admin: string }> {
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
  const config = stringify(declarationAt(sample, places))
  const cure = 'stop what listens there, or choose another port with PORT=8010 npm start'
  const gateway = await startGateway({ config, plugin: { info, socket }, port, log }).catch((error) => {
    throw taken(error, port, 'the gateway', cure)
  })
  opened(gateway, (running) => running.close())
  const adminPort = port === 0 ? 0 : port + 1
  const admin = await serveAdminApi(new AdminApi(gateway.entities, hostname()), adminPort).catch((error) => {
    throw taken(error, adminPort, 'the Admin API', cure)
  })
  return { gateway: gateway.url, admin: opened(admin, (server) => server.close()).url }
}

/** A Redis URL as fields of the plugin's configuration. */
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
