import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { startKong } from './real-kong.ts'
import { ROOT } from './root.ts'
import type { PluginServerCommand, RunningGateway } from './running-gateway.ts'
import { startStandIn } from './stand-in.ts'

export type { PluginServerCommand, RunningGateway } from './running-gateway.ts'

export function pluginServerCommand(): PluginServerCommand {
  const program =
    process.env.RUNTIME === 'deno'
      ? `${denoBinary()} run --quiet --allow-all ${resolve(ROOT, 'plugins', 'virtual-key', 'server.ts')}`
      : `${process.execPath} ${resolve(ROOT, 'dist', 'plugins', 'virtual-key', 'server.js')}`
  return {
    query: `${program} --dump`,
    start: (prefix, socketName) => `${program} --kong-prefix ${prefix} --sock-name ${socketName}`,
  }
}

/** npm's deno package brings the binary; asking it for the path puts the binary in place the first time. */
function denoBinary(): string {
  const { runInstall } = createRequire(import.meta.url)('deno/install_api.cjs') as { runInstall(): string }
  return runInstall()
}

/** GATEWAY=kong: a real one; else the stand-in. `declaration`: a kong.yml. */
export function startGateway(declaration: string): Promise<RunningGateway> {
  const start = process.env.GATEWAY === 'kong' ? startKong : startStandIn
  return start(declaration, pluginServerCommand())
}
