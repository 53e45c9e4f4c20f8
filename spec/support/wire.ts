import { connect, type Socket } from 'node:net'
import { decode, encode } from '@msgpack/msgpack'
import { Messages } from '../../plugins/virtual-key/server/messages.ts'

type Reply = readonly [type: 1, id: number, error: string | null, result: unknown]

/** One connection to a plugin server, speaking as Kong does: one call at a time. */
export class Wire {
  readonly #socket: Socket
  readonly #messages = new Messages()
  #waiting: ((reply: Reply) => void) | undefined
  #id = 0
  /** Whether more than the answer has come, so that Kong would not reuse the connection. */
  dropped = false

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk) => {
      const [message, ...more] = this.#messages.push(chunk)
      if (more.length > 0) this.dropped = true
      if (message) this.#waiting?.(decode(message) as unknown as Reply)
    })
    socket.on('error', () => undefined)
  }

  static async open(path: string): Promise<Wire> {
    const socket = connect(path)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new Wire(socket)
  }

  /** Sends a request and waits for its answer. @throws Error with the server's error, or when it hangs up */
  async call(method: string, argument: unknown): Promise<unknown> {
    const [, , error, result] = await this.exchange([0, ++this.#id, method, [argument]])
    if (error !== null && error !== undefined) throw new Error(error)
    return result
  }

  exchange(message: unknown): Promise<Reply> {
    return this.raw(encode(message, { ignoreUndefined: true }))
  }

  /** A message that is bytes already. */
  raw(message: Uint8Array): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const hungUp = () => reject(new Error('the plugin server hung up'))
      this.#socket.once('close', hungUp)
      this.#waiting = (reply) => {
        this.#socket.off('close', hungUp)
        resolve(reply)
      }
      this.#socket.write(message)
    })
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  get closed(): boolean {
    return this.#socket.destroyed
  }

  close(): void {
    this.#socket.destroy()
  }

  /**
   * Runs one phase and answers each PDK call.
   * @returns the names of the calls that were made
   */
  async phase(
    instance: number,
    name: string,
    pdk: (method: string, args: readonly unknown[]) => unknown,
  ): Promise<string[]> {
    const calls: string[] = []
    let step = (await this.call('plugin.HandleEvent', { InstanceId: instance, EventName: name })) as Step
    while (step.Data !== 'ret') {
      calls.push(step.Data.Method)
      if (step.Data.Method === 'kong.response.exit') break
      const Data = pdk(step.Data.Method, step.Data.Args)
      step = (await this.call('plugin.Step', { EventId: step.EventId, Data })) as Step
    }
    return calls
  }
}

interface Step {
  readonly EventId: number
  readonly Data: 'ret' | { readonly Method: string; readonly Args: readonly unknown[] }
}
