import { once } from 'node:events'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { type Gateway, startGateway } from '../../../../dev/gateway/gateway.ts'
import { type PluginInfo, queryPlugin } from '../../../../dev/gateway/plugin-query.ts'
import { type PluginServer, startPluginServer } from '../../../../dev/gateway/plugin-server.ts'
import { type Relay, startRelay } from './relay.ts'

export const ROOT = process.cwd()
export const FIXTURES = resolve(ROOT, 'spec/fixtures/gateway')

export interface LogLine {
  readonly level: string
  readonly message: string
}

export interface Upstream {
  readonly port: number
  close(): Promise<void>
}

export async function startUpstream(handler: RequestListener): Promise<Upstream> {
  const server = createServer(handler)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** kong-pdk's own plugin server with one plugin, and a relay that reads along on its socket. */
export interface PluginStack {
  readonly info: PluginInfo
  readonly server: PluginServer
  readonly relay: Relay
  /** where a gateway has to connect */
  readonly socket: string
  readonly log: LogLine[]
  close(): Promise<void>
}

/** @param file a plugin in CommonJS */
export async function startPlugin(file: string): Promise<PluginStack> {
  const folder = await mkdtemp(join(tmpdir(), 'vk-gateway-'))
  const plugins = await mkdtemp(join(tmpdir(), 'vk-plugins-'))
  await copyFile(file, join(plugins, basename(file)))
  const log: LogLine[] = []
  // kong-pdk registers ts-node, which finds this project's TypeScript 7 and breaks on it; its own TypeScript works.
  const compiler = resolve(ROOT, 'node_modules/kong-pdk/node_modules/typescript')
  const stock = `env TS_NODE_COMPILER='${compiler}' TS_NODE_SKIP_PROJECT=true '${process.execPath}' '${resolve(ROOT, 'node_modules/kong-pdk/bin/kong-js-pluginserver')}' -d '${plugins}'`
  const info = await queryPlugin(`${stock} --dump-all-plugins`)
  const server = await startPluginServer({
    command: `${stock} -p '${folder}' --sock-name server.sock`,
    socket: join(folder, 'server.sock'),
    log: (level, message) => log.push({ level, message }),
  })
  const socket = join(folder, 'relay.sock')
  const relay = await startRelay(socket, join(folder, 'server.sock'))
  return {
    info,
    server,
    relay,
    socket,
    log,
    close: async () => {
      await relay.close()
      await server.close()
      await rm(folder, { recursive: true })
      await rm(plugins, { recursive: true })
    },
  }
}

export interface RunningGateway extends Gateway {
  readonly log: LogLine[]
}

/** @param config a declarative configuration; what differs between specs is a plain object */
export async function gatewayWith(
  config: object,
  plugin?: PluginStack,
  phaseTimeout?: number,
): Promise<RunningGateway> {
  const log: LogLine[] = []
  const gateway = await startGateway({
    config: JSON.stringify({ _format_version: '3.0', ...config }),
    ...(plugin && { plugin: { info: plugin.info, socket: plugin.socket } }),
    ...(phaseTimeout !== undefined && { phaseTimeout }),
    log: (level, message) => log.push({ level, message }),
  })
  return { ...gateway, log }
}
