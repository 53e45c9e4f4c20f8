import { type ChildProcess, spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from './log.ts'

export interface PluginServerOptions {
  /** shell text, like Kong's `pluginserver_…_start_cmd`; it gets an empty environment and must not put itself in the background */
  readonly command: string
  /** unix socket on which the server will listen */
  readonly socket: string
  /** gets the server's stdout and stderr, line by line, at level info */
  readonly log: Log
}

export interface PluginServer {
  /** id of the current process; undefined between two of them */
  readonly pid: number | undefined
  /** how often it was started again after it had died */
  readonly restarts: number
  /** Starts another one at the same socket and ends the one that runs, as Kong does at a reload. */
  reload(): Promise<void>
  /** Sends SIGTERM and waits for the end; SIGKILL after ten seconds. */
  close(): Promise<void>
}

/** Kong starts a dead plugin server again at once, but never twice within a second. */
const RESPAWN_MS = 1000
/** Time that Kong leaves a plugin server after SIGTERM: about as long as its own worker needs to end. */
const RELOAD_GRACE_MS = 100

/**
 * Keeps a plugin server running as Kong does; resolves when it listens.
 * @throws Error with the last lines it wrote, when it ends before that
 */
export async function startPluginServer(options: PluginServerOptions): Promise<PluginServer> {
  const { command, socket } = options
  let running = new SupervisedProcess(options)
  while (!(await listens(socket))) {
    if (running.failed) {
      await running.close(0)
      throw new Error(`plugin server ended before it listened: ${command}\n${running.lastLines.join('\n')}`)
    }
    await sleep(10)
  }
  return {
    get pid() {
      return running.pid
    },
    get restarts() {
      return running.restarts
    },
    async reload() {
      const before = inodeOf(socket)
      const old = running
      running = new SupervisedProcess(options)
      // Kong does not wait for the new one either: an old worker without requests ends when the new ones start.
      const ended = old.close(RELOAD_GRACE_MS)
      while (inodeOf(socket) === before || !(await listens(socket))) {
        if (running.failed) throw new Error(`plugin server ended before it listened: ${command}`)
        await sleep(10)
      }
      await ended
    },
    close: () => running.close(10_000),
  }
}

/** A plugin server's process, and its successors after it has died. */
class SupervisedProcess {
  readonly #options: PluginServerOptions
  readonly #wake = new AbortController()
  readonly #supervised: Promise<void>
  #child: ChildProcess | undefined
  #closing = false
  readonly lastLines: string[] = []
  restarts = -1

  constructor(options: PluginServerOptions) {
    this.#options = options
    this.#supervised = this.#keepRunning()
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Whether the first process has ended. */
  get failed(): boolean {
    return this.restarts > 0 || (this.restarts === 0 && this.#child === undefined)
  }

  /** @param grace ms between SIGTERM and SIGKILL */
  async close(grace: number): Promise<void> {
    this.#closing = true
    this.#wake.abort()
    const child = this.#child
    child?.kill('SIGTERM')
    // When a worker of Kong ends, its end of the pipes is closed too.
    child?.once('exit', () => {
      child.stdout?.destroy()
      child.stderr?.destroy()
    })
    const force = setTimeout(() => child?.kill('SIGKILL'), grace)
    await this.#supervised
    clearTimeout(force)
  }

  async #keepRunning(): Promise<void> {
    while (!this.#closing) {
      const notBefore = Date.now() + RESPAWN_MS
      await this.#runOnce()
      const wait = notBefore - Date.now()
      if (wait > 0 && !this.#closing)
        await sleep(wait, undefined, { signal: this.#wake.signal }).catch(() => {})
    }
  }

  async #runOnce(): Promise<void> {
    const { command, log } = this.#options
    this.restarts++
    const child = spawn('/bin/sh', ['-c', `exec ${command}`], { stdio: ['ignore', 'pipe', 'pipe'], env: {} })
    this.#child = child
    const ended = new Promise<string>((resolve) => {
      child.on('error', (error) => resolve(error.message))
      child.on('close', (code, signal) => resolve(String(signal ?? code)))
    })
    log('notice', `started plugin server, pid ${child.pid}`)
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (line === '') return
        this.lastLines.push(line)
        if (this.lastLines.length > 20) this.lastLines.shift()
        log('info', `[plugin server:${child.pid}] ${line}`)
      })
    }
    const how = await ended
    this.#child = undefined
    log('notice', `plugin server, pid ${child.pid}, terminated: ${how}`)
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino
}

/** Tries a connection, because the socket file of a dead server is still there but refuses connections. */
async function listens(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const probe = connect(path)
    probe.on('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.on('error', () => resolve(false))
  })
}
