import { connect, type Socket } from 'node:net'
import { Decoder, Encoder } from '@msgpack/msgpack'
import { Messages } from '../../plugins/virtual-key/server/messages.ts'

const encoder = new Encoder({ ignoreUndefined: true })
const decoder = new Decoder()

/** The plugin server answered a call with an error. */
export class RpcError extends Error {}

/** The plugin server cannot be reached; the message is Kong's, because there is none of the server. */
export class RpcUnavailable extends Error {}

/**
 * Kong's side of MessagePack-RPC over a unix socket: every call goes out on a connection of its own from a pool, the most
 * recently used one first, so that requests one after the other share a connection. One Rpc counts its calls in one sequence.
 */
export class Rpc {
  readonly #idle: Connection[] = []
  readonly #socketPath: string
  readonly #timeout: number
  #messageId = 0

  /** @param timeout ms that Kong waits for an answer before it gives the phase up */
  constructor(socketPath: string, timeout: number) {
    this.#socketPath = socketPath
    this.#timeout = timeout
  }

  /** @throws RpcError, RpcUnavailable */
  async call(method: string, argument: unknown): Promise<unknown> {
    const id = ++this.#messageId
    const connection =
      this.#idle.pop() ?? new Connection(this.#socketPath, this.#timeout, (it) => this.#forget(it))
    const request = encoder.encode([0, id, method, [argument]])
    const [type, answered, error, result] = await connection.ask(request)
    if (type !== 1 || answered !== id) {
      connection.destroy()
      throw new RpcUnavailable(
        `unexpected message from the plugin server: ${String(type)} ${String(answered)}`,
      )
    }
    // Kong keeps no connection on which there is more than the answer.
    if (connection.hasMore) connection.destroy()
    else this.#idle.push(connection)
    if (error !== null && error !== undefined) throw new RpcError(String(error))
    return result
  }

  close(): void {
    for (const connection of this.#idle.splice(0)) connection.destroy()
  }

  #forget(connection: Connection): void {
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
  }
}

class Connection {
  readonly #socket: Socket
  /** One timer for each connection, restarted by every call: a timer for each call would cost more than the call. */
  readonly #timer: NodeJS.Timeout
  readonly #messages = new Messages()
  /** Whether more than one answer to a call has come. */
  hasMore = false
  #settle: { resolve: (message: unknown[]) => void; reject: (error: Error) => void } | undefined

  constructor(path: string, timeout: number, closed: (connection: Connection) => void) {
    this.#socket = connect(path)
    this.#socket.on('data', (chunk) => this.#take(chunk))
    this.#socket.on('error', (error) => this.#fail(new RpcUnavailable(`trying to connect: ${error.message}`)))
    this.#socket.on('close', () => {
      clearTimeout(this.#timer)
      closed(this)
      this.#fail(new RpcUnavailable('no data'))
    })
    this.#timer = setTimeout(() => {
      if (!this.#settle) return
      this.#fail(new RpcUnavailable('timeout'))
      this.destroy()
    }, timeout).unref()
  }

  async ask(request: Uint8Array): Promise<unknown[]> {
    this.#timer.refresh()
    return await new Promise<unknown[]>((resolve, reject) => {
      this.#settle = { resolve, reject }
      this.#socket.write(request)
    })
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** Only one call is under way, so the first message is its answer. */
  #take(chunk: Buffer): void {
    try {
      const [message, ...more] = this.#messages.push(chunk)
      if (message === undefined) return
      this.hasMore = more.length > 0
      this.#settled(decoder.decode(message))
    } catch (error) {
      this.#fail(new RpcUnavailable(`unreadable message from the plugin server: ${String(error)}`))
      this.destroy()
    }
  }

  #settled(message: unknown): void {
    const settle = this.#settle
    this.#settle = undefined
    if (settle && Array.isArray(message)) settle.resolve(message)
    else this.destroy()
  }

  #fail(error: Error): void {
    const settle = this.#settle
    this.#settle = undefined
    settle?.reject(error)
  }
}
