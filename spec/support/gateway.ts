import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { startKong } from './real-kong.ts'
import { ROOT } from './root.ts'
import { startStandIn } from './stand-in.ts'

/** A gateway with the plugin, behind which the specs cannot tell a real Kong from the stand-in. */
export interface RunningGateway {
  readonly url: string
  /** HTTP/2 over TLS with a certificate that nobody signed; the stand-in has none. */
  readonly http2Url?: string
  /** Everything logged so far. */
  log(): string
  /** Process id of the plugin server that serves now. */
  pluginServerPid(): Promise<number>
  /** `kong reload`: a new plugin server starts, and the old one gets SIGTERM. Resolves when the new one serves. */
  reload(): Promise<void>
  /** Kills the worker that started the plugin server. Resolves when another plugin server serves. The stand-in has no workers. */
  killWorker?(): Promise<void>
  /** `kong quit`: requests under way end first. */
  quit(): Promise<void>
  /** Not after `quit`. */
  stop(): Promise<void>
}

/** How Kong runs the plugin server, as in its QUERY_CMD and START_CMD. */
export interface PluginServerCommand {
  readonly query: string
  start(prefix: string, socketName: string): string
}

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
