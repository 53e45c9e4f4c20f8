import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../../dev/free-port.ts'
import { endAll, pluginServerPids } from './plugin-server-pids.ts'
import type { PluginServerCommand, RunningGateway } from './running-gateway.ts'
import { type Started, setUp } from './set-up.ts'
import { until } from './until.ts'

const run = promisify(execFile)

/**
 * A real Kong 3.9, DB-less, with its own prefix and free loopback ports: the `kong` on PATH, or KONG_BIN. Where somebody else took one
 * of the ports meanwhile, it is tried again with others.
 * @param second another plugin with a plugin server of its own
 */
export async function startKong(
  declaration: string,
  command: PluginServerCommand,
  second?: Second,
): Promise<RunningGateway> {
  for (let tries = 1; ; tries++) {
    try {
      return await setUp((started) => start(declaration, command, second, started))
    } catch (error) {
      if (tries === TRIES || !/address already in use/i.test((error as Error).message)) throw error
    }
  }
}

const TRIES = 3

interface Second {
  readonly name: string
  readonly command: PluginServerCommand
}

async function start(
  declaration: string,
  command: PluginServerCommand,
  second: Second | undefined,
  started: Started,
): Promise<RunningGateway> {
  const kong = process.env.KONG_BIN ?? 'kong'
  const prefix = started(mkdtempSync(join(tmpdir(), 'virtual-key-kong-')), (folder) =>
    rmSync(folder, { recursive: true, force: true }),
  )
  const [port, tls, admin] = [await freePort(), await freePort(), await freePort()]
  const file = join(prefix, 'spec-kong.yml')
  writeFileSync(file, declaration)
  // A KONG_… variable of the shell would change what is tested.
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('KONG_'))
  const env = {
    ...Object.fromEntries(inherited),
    KONG_PREFIX: prefix,
    KONG_DATABASE: 'off',
    KONG_DECLARATIVE_CONFIG: file,
    KONG_PROXY_LISTEN: `127.0.0.1:${port}, 127.0.0.1:${tls} ssl http2`,
    KONG_ADMIN_LISTEN: `127.0.0.1:${admin}`,
    KONG_ADMIN_GUI_LISTEN: 'off',
    KONG_STATUS_LISTEN: 'off',
    KONG_LOG_LEVEL: 'info',
    KONG_NGINX_WORKER_PROCESSES: '2',
    KONG_PLUGINS: ['bundled', 'virtual-key', ...(second ? [second.name] : [])].join(','),
    KONG_PLUGINSERVER_NAMES: second ? 'js,second' : 'js',
    ...pluginServer('JS', prefix, command),
    ...(second ? pluginServer('SECOND', prefix, second.command) : {}),
  }
  const log = () => readFileSync(join(prefix, 'logs', 'error.log'), 'utf8')
  try {
    await run(kong, ['start', '-p', prefix], { env, timeout: 60_000 })
  } catch (cause) {
    throw new Error(`kong did not start: ${(cause as { stderr?: string }).stderr ?? cause}`, { cause })
  }
  const pluginServers = () => pluginServerPids(log())
  started(prefix, () => end('stop'))
  const another = async (act: () => unknown) => {
    const before = pluginServers().length
    await act()
    await until('another plugin server', () => pluginServers().length > before)
  }
  const end = async (command: 'quit' | 'stop') => {
    await run(kong, [command, '-p', prefix], { env, timeout: 60_000 })
    if (command === 'stop') await endAll(pluginServers())
    rmSync(prefix, { recursive: true, force: true })
  }
  await until('the plugin server', () => pluginServers().length > 0)
  return {
    url: `http://127.0.0.1:${port}`,
    http2Url: `https://127.0.0.1:${tls}`,
    log,
    pluginServerPid: async () => pluginServers().at(-1) ?? 0,
    reload: () => another(() => run(kong, ['reload', '-p', prefix], { env, timeout: 60_000 })),
    async killWorker() {
      const shell = await parentOf(pluginServers().at(-1) ?? 0)
      const worker = await parentOf(shell)
      await another(() => process.kill(worker, 'SIGKILL'))
    },
    quit: () => end('quit'),
    stop: () => end('stop'),
  }
}

async function parentOf(pid: number): Promise<number> {
  const { stdout } = await run('ps', ['-o', 'ppid=', '-p', String(pid)])
  return Number(stdout)
}

function pluginServer(name: string, prefix: string, command: PluginServerCommand): Record<string, string> {
  const socketName = `${name.toLowerCase()}_pluginserver.sock`
  return {
    [`KONG_PLUGINSERVER_${name}_SOCKET`]: join(prefix, socketName),
    [`KONG_PLUGINSERVER_${name}_QUERY_CMD`]: command.query,
    [`KONG_PLUGINSERVER_${name}_START_CMD`]: `${command.start(prefix, socketName)} & wait`,
  }
}
