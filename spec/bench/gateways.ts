import { resolve } from 'node:path'
import { type PluginServerCommand, pluginServerCommand, type RunningGateway } from '../support/gateway.ts'
import { startKong } from '../support/real-kong.ts'
import { ROOT } from '../support/root.ts'
import { startStandIn } from '../support/stand-in.ts'
import type { Way } from './declaration.ts'

export interface BenchGateways {
  url(way: Way): string
  stop(): Promise<void>
}

/**
 * The gateways in which the ways are measured: one real Kong with two plugin servers, or a stand-in for each plugin, because a
 * stand-in serves one.
 */
export async function benchGateways(
  ways: readonly Way[],
  declaration: (ways: readonly Way[]) => string,
): Promise<BenchGateways> {
  if (process.env.GATEWAY === 'kong') {
    const kong = await startKong(declaration(ways), pluginServerCommand(), {
      name: 'empty',
      command: emptyCommand(),
    })
    return { url: (way) => `${kong.url}/${way}`, stop: () => kong.stop() }
  }
  const running = new Map<Way, RunningGateway>()
  for (const way of ways) {
    running.set(
      way,
      await startStandIn(declaration([way]), way === 'empty' ? emptyCommand() : pluginServerCommand()),
    )
  }
  return {
    url: (way) => `${running.get(way)?.url}/${way}`,
    async stop() {
      for (const gateway of running.values()) await gateway.stop()
    },
  }
}

function emptyCommand(): PluginServerCommand {
  const program = `${process.execPath} ${resolve(ROOT, 'dist', 'spec', 'bench', 'empty-server.js')}`
  return {
    query: `${program} --dump`,
    start: (prefix, socketName) => `${program} --kong-prefix ${prefix} --sock-name ${socketName}`,
  }
}
