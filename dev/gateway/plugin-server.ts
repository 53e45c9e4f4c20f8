import { type ChildProcess, spawn } from 'node:child_process'
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
  /** of the process that runs now; undefined between two of them */
  readonly pid: number | undefined
  /** how often it was started again after it had died */
  readonly restarts: number
  /** Sends SIGTERM and waits for the end; SIGKILL after ten seconds. */
  close(): Promise<void>
}

/** Kong starts a dead plugin server again at once, but never twice within a second. */
const RESPAWN_MS = 1000

/**
 * Keeps a plugin server running as Kong does; resolves when it listens.
 * @throws Error with the last lines it wrote, when it ends before that
 */
export async function startPluginServer({
  command,
  socket,
  log,
}: PluginServerOptions): Promise<PluginServer> {
  let child: ChildProcess | undefined
  let restarts = -1
  let closing = false
  const wake = new AbortController()
  const lastLines: string[] = []

  const runOnce = async (): Promise<string> => {
    restarts++
    const running = spawn('/bin/sh', ['-c', `exec ${command}`], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {},
    })
    child = running
    const ended = new Promise<string>((resolve) => {
      running.on('error', (error) => resolve(error.message))
      running.on('close', (code, signal) => resolve(String(signal ?? code)))
    })
    log('notice', `started plugin server, pid ${running.pid}`)
    for (const stream of [running.stdout, running.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (line === '') return
        lastLines.push(line)
        if (lastLines.length > 20) lastLines.shift()
        log('info', `[plugin server:${running.pid}] ${line}`)
      })
    }
    const how = await ended
    child = undefined
    log('notice', `plugin server, pid ${running.pid}, terminated: ${how}`)
    return how
  }
  const keepRunning = async (): Promise<void> => {
    while (!closing) {
      const notBefore = Date.now() + RESPAWN_MS
      await runOnce()
      const wait = notBefore - Date.now()
      if (wait > 0 && !closing) await sleep(wait, undefined, { signal: wake.signal }).catch(() => {})
    }
  }
  const supervised = keepRunning()
  const close = async (): Promise<void> => {
    closing = true
    wake.abort()
    const running = child
    running?.kill('SIGTERM')
    const force = setTimeout(() => running?.kill('SIGKILL'), 10_000)
    await supervised
    clearTimeout(force)
  }

  while (!(await listens(socket))) {
    if (restarts > 0 || (restarts === 0 && child === undefined)) {
      await close()
      throw new Error(`plugin server ended before it listened: ${command}\n${lastLines.join('\n')}`)
    }
    await sleep(10)
  }
  return {
    get pid() {
      return child?.pid
    },
    get restarts() {
      return restarts
    },
    close,
  }
}

/** A socket file left behind by a dead server refuses, so only a connection proves that somebody listens. */
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
