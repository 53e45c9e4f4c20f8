import { readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { basename, dirname, join } from 'node:path'
import type { Log } from '../telemetry/log.ts'
import { isAlive } from '../telemetry/process-name.ts'

/** How often the path is checked, by one call of stat. Unit: milliseconds. */
const LOOK = 250
/** Connections that wait until this process accepts them, which it cannot while it loads the plugin; the kernel has a limit too. */
const BACKLOG = 4096
/** What fits into `sun_path`; a longer path would be truncated without an error. Unit: bytes. */
const LONGEST_PATH = process.platform === 'linux' ? 107 : 103

/**
 * The unix socket at which Kong finds the plugin server. When Kong reloads, a second plugin server starts while the first still
 * serves, so two processes use the same path for some seconds, and it belongs to the one that started last.
 *
 * A listener that closes removes the path to which it was bound, by name, even if another process owns that name by then. So each
 * process binds `<path>.<process id>` and renames that to `<path>`: when it closes it removes a name that no longer exists, and there is
 * no moment without a listener. If something else removes the path (an older plugin server, an operator, or two processes that started
 * at almost the same time, of which the wrong one ended), it is missing for at most 250 ms: a process puts the path back when it is gone,
 * or when nobody listens at it.
 */
export class SharedSocket {
  readonly #path: string
  readonly #accept: (socket: Socket) => void
  readonly #log: Log
  #listener: Server | undefined
  #inode: number | undefined
  #looking: NodeJS.Timeout | undefined
  #closed = false
  #lost = false
  /** Why the path could not be put back, as it was logged last. */
  #failure = ''

  private constructor(path: string, accept: (socket: Socket) => void, log: Log) {
    this.#path = path
    this.#accept = accept
    this.#log = log
  }

  /** Resolves when Kong can connect. @throws Error when it cannot listen there */
  static async open(path: string, accept: (socket: Socket) => void, log: Log): Promise<SharedSocket> {
    const shared = new SharedSocket(path, accept, log)
    removeNamesOfDead(path)
    await shared.#bind()
    shared.#lookLater()
    return shared
  }

  /** Whether the path belongs to another process that listens: new connections reach that one. */
  get lost(): boolean {
    return this.#lost
  }

  /** Accepts no more connections; open ones stay. The path stays, because it may belong to another process. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#looking)
    this.#listener?.close()
  }

  async #bind(): Promise<void> {
    const own = `${this.#path}.${process.pid}`
    if (Buffer.byteLength(own) > LONGEST_PATH) {
      throw new Error(`the socket path ${own} is longer than ${LONGEST_PATH} bytes: choose a shorter prefix`)
    }
    this.#listener?.close()
    const listener = createServer(this.#accept)
    this.#listener = listener
    rmSync(own, { force: true })
    await new Promise<void>((resolve, reject) => {
      listener.once('listening', resolve)
      listener.once('error', reject)
      listener.listen({ path: own, backlog: BACKLOG })
    })
    listener.on('error', (error) => this.#log.error(`accepting connections from Kong: ${error.message}`))
    if (this.#closed) return
    this.#inode = inodeOf(own)
    renameSync(own, this.#path)
  }

  #lookLater(): void {
    if (this.#closed) return
    this.#looking = setTimeout(() => void this.#look().finally(() => this.#lookLater()), LOOK)
    this.#looking.unref()
  }

  async #look(): Promise<void> {
    if (inodeOf(this.#path) === this.#inode) {
      this.#lost = false
      return
    }
    this.#lost = await listens(this.#path)
    if (this.#lost || this.#closed) return
    try {
      await this.#bind()
      this.#failure = ''
      this.#log.warn('the socket that Kong connects to was gone, and is there again')
    } catch (error) {
      const { message } = error as Error
      if (message !== this.#failure) this.#log.error(`the socket that Kong connects to is gone: ${message}`)
      this.#failure = message
    }
  }
}

/** Removes the names of processes that were killed between binding and renaming. A name with the id of any live process stays. */
function removeNamesOfDead(path: string): void {
  const prefix = `${basename(path)}.`
  for (const name of readdirSync(dirname(path))) {
    const pid = name.startsWith(prefix) ? name.slice(prefix.length) : ''
    if (/^[1-9]\d*$/.test(pid) && !isAlive(pid)) rmSync(join(dirname(path), name), { force: true })
  }
}

function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino
  } catch {
    return undefined
  }
}

/** Tries a connection, because the socket file of a dead process is still there but refuses connections. */
function listens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT')
    })
  })
}
