import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startGateway } from '../../dev/gateway/gateway.ts'
import { queryPlugin } from '../../dev/gateway/plugin-query.ts'
import { startPluginServer } from '../../dev/gateway/plugin-server.ts'
import { endAll, pluginServerPids } from './plugin-server-pids.ts'
import type { PluginServerCommand, RunningGateway } from './running-gateway.ts'
import { type Started, setUp } from './set-up.ts'

/** The development gateway with a plugin server process of its own. */
export function startStandIn(declaration: string, command: PluginServerCommand): Promise<RunningGateway> {
  return setUp((started) => start(declaration, command, started))
}

async function start(
  declaration: string,
  command: PluginServerCommand,
  started: Started,
): Promise<RunningGateway> {
  const prefix = started(mkdtempSync(join(tmpdir(), 'virtual-key-gateway-')), (folder) =>
    rmSync(folder, { recursive: true, force: true }),
  )
  const socket = join(prefix, 'js_pluginserver.sock')
  const lines: string[] = []
  const log = (level: string, message: string) => void lines.push(`[${level}] ${message}`)
  const info = await queryPlugin(command.query)
  const pids = () => pluginServerPids(lines.join('\n'))
  const server = started(
    await startPluginServer({
      command: `${command.start(prefix, 'js_pluginserver.sock')} & wait`,
      socket,
      log,
    }),
    async (running) => {
      await running.close()
      await endAll(pids())
    },
  )
  const gateway = await startGateway({ config: declaration, plugin: { info, socket }, log })
  const stop = async () => {
    await gateway.close()
    await server.close()
    await endAll(pids())
    rmSync(prefix, { recursive: true, force: true })
  }
  return {
    url: gateway.url,
    log: () => lines.join('\n'),
    pluginServerPid: async () => pids().at(-1) ?? 0,
    reload: () => server.reload(),
    quit: stop,
    stop,
  }
}
