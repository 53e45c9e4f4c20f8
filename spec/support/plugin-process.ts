import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pluginServerCommand } from './gateway.ts'
import { until } from './until.ts'
import { Wire } from './wire.ts'

/** The compiled plugin server as a process of its own, without a gateway in front: driven over its socket, as Kong does. */
export class PluginProcess {
  readonly child: ChildProcess
  readonly socket: string
  readonly #folder: string
  readonly #passing: boolean
  #output = ''

  private constructor(env: Readonly<Record<string, string>>, prefix: string | undefined) {
    this.#folder = prefix ?? mkdtempSync(join(tmpdir(), 'virtual-key-process-'))
    this.#passing = prefix === undefined
    this.socket = join(this.#folder, 'js.sock')
    const [program = '', ...args] = pluginServerCommand().start(this.#folder, 'js.sock').split(' ')
    this.child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk) => {
        this.#output += chunk
      })
    }
  }

  /**
   * @param env all of it: Kong starts a plugin server with an empty environment
   * @param prefix Kong's, which outlives the process; absent: a folder that goes with it
   */
  static async start(env: Readonly<Record<string, string>> = {}, prefix?: string): Promise<PluginProcess> {
    const server = new PluginProcess(env, prefix)
    await until('the plugin server', () => server.output.includes('serving'))
    return server
  }

  /** What it wrote, to stdout and stderr. */
  get output(): string {
    return this.#output
  }

  connect(): Promise<Wire> {
    return Wire.open(this.socket)
  }

  /** Ends it, and waits for the end. May be called again. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const gone = new Promise((resolve) => this.child.once('close', resolve))
    this.child.kill(signal)
    await gone
    if (this.#passing) rmSync(this.#folder, { recursive: true, force: true })
  }
}
