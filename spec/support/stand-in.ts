import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startGateway } from '../../dev/gateway/gateway.ts'
import { queryPlugin } from '../../dev/gateway/plugin-query.ts'
import { startPluginServer } from '../../dev/gateway/plugin-server.ts'
import type { PluginServerCommand, RunningGateway } from './gateway.ts'
import { endAll, pluginServerPids } from './plugin-server-pids.ts'

/** The development gateway with a plugin server process of its own. */
export async function startStandIn(
  declaration: string,
  command: PluginServerCommand,
): Promise<RunningGateway> {
  const prefix = mkdtempSync(join(tmpdir(), 'virtual-key-gateway-'))
  const socket = join(prefix, 'js_pluginserver.sock')
  const lines: string[] = []
  const log = (level: string, message: string) => void lines.push(`[${level}] ${message}`)
  const info = await queryPlugin(command.query)
  const server = await startPluginServer({
    command: `${command.start(prefix, 'js_pluginserver.sock')} & wait`,
    socket,
    log,
  })
  const gateway = await startGateway({ config: declaration, plugin: { info, socket }, log })
  const pids = () => pluginServerPids(lines.join('\n'))
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
