/**
 * A stand-in for Kong Gateway 3.9.1 on machines that have no Kong. FOR DEVELOPMENT AND TESTS ONLY: it knows no TLS, no load
 * balancing and only the plugins key-auth and post-function besides the external one, and it has seen none of the attacks that a
 * gateway meets. What it does do, it does as Kong does; what it does not, it refuses by name. Its entities come from a declarative
 * file, and can be changed by an Admin API (admin-api.ts) over the same store.
 */
import { Agent, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { BUNDLED } from '../../schema/kong/plugins.ts'
import { loadDeclaration } from './declarative.ts'
import { EntityStore } from './entity-store.ts'
import { exchangeOf } from './exchange.ts'
import { ExchangeRunner } from './exchange-runner.ts'
import { ExternalPlugin } from './external-plugin.ts'
import { keyAuth } from './key-auth.ts'
import type { Log } from './log.ts'
import { type Plan, planOf } from './plan.ts'
import { definitionFrom, type PluginInfo } from './plugin-query.ts'
import { postFunction } from './post-function.ts'
import { Rpc } from './rpc.ts'
import { unsupported } from './unsupported.ts'

export interface GatewayOptions {
  /** text of a declarative file, YAML or JSON, `_format_version: "3.0"` */
  readonly config: string
  /** what the plugin server dumped, and where it listens; it may be started later than the gateway, as with Kong */
  readonly plugin?: { readonly info: PluginInfo; readonly socket: string }
  /** default 127.0.0.1 */
  readonly host?: string
  /** default 0: a free one */
  readonly port?: number
  readonly log: Log
  /** ms until a phase that does not answer is given up and the request let pass; default 60,000 as in Kong */
  readonly phaseTimeout?: number
}

export interface Gateway {
  readonly url: string
  readonly port: number
  /** A change takes effect with the next request. */
  readonly entities: EntityStore
  /** Takes no more requests, gives those under way two seconds, cuts the rest off; resolves when every log phase has run. */
  close(): Promise<void>
}

/** @throws Error that names what in the file is wrong or not supported; EADDRINUSE and the like from listening */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { log, plugin, host = '127.0.0.1' } = options
  log('warn', 'this is the development gateway, a stand-in for Kong: for development and tests only')
  const definitions = {
    'key-auth': BUNDLED['key-auth'],
    'post-function': BUNDLED['post-function'],
    ...(plugin && { [plugin.info.Name]: definitionFrom(plugin.info) }),
  }
  const entities = new EntityStore({
    plugins: definitions,
    unsupported: (name, values) => unsupported(definitions, name, values),
  })
  loadDeclaration(options.config, entities)
  const rpc = plugin && new Rpc(plugin.socket, options.phaseTimeout ?? 60_000)
  const plugins = [
    keyAuth((key) => plan().caller(key)),
    postFunction(log),
    ...(plugin && rpc ? [new ExternalPlugin(plugin.info, rpc, log).asGatewayPlugin()] : []),
  ]
  let current: Plan | undefined
  entities.changed = () => {
    current = undefined
  }
  const plan = () => {
    current ??= planOf(entities, plugins)
    return current
  }
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 256 })
  const runner = new ExchangeRunner(plan, agent, log)

  const running = new Set<Promise<void>>()
  const server = createServer({ keepAliveTimeout: 65_000, requestTimeout: 0 }, (request, response) => {
    const run = runner
      .run(exchangeOf(request), response)
      .catch((error: unknown) => {
        log('crit', `request failed inside the development gateway: ${String(error)}`)
        response.destroy()
      })
      .finally(() => running.delete(run))
    running.add(run)
  })
  // Kong has no limit of its own either; Node would drop the headers beyond its limit, even `host`.
  server.maxHeadersCount = 0
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, host, resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://${host}:${port}`,
    entities,
    close: async () => {
      const stopped = new Promise((resolve) => server.close(resolve))
      server.closeIdleConnections()
      const cut = setTimeout(() => {
        server.closeAllConnections()
        agent.destroy()
      }, 2000)
      while (running.size > 0) await Promise.all(running)
      clearTimeout(cut)
      server.closeAllConnections()
      await stopped
      agent.destroy()
      rpc?.close()
    },
  }
}
