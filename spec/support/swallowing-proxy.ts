import { createServer, connect as dial, type Server, type Socket } from 'node:net'

/**
 * A proxy between a client and Redis that can drop replies: Redis has run the command, and the client never learns it. `hung`: nothing
 * passes at all, and no connection is closed, as after a power failure of the host. `target`: port that new connections lead to, while
 * the old ones stay, as with a virtual IP that moves to another host.
 */
export class SwallowingProxy {
  target: number
  swallow = false
  hung = false
  #server: Server | undefined
  readonly #sockets = new Set<Socket>()
  swallowed = 0

  private constructor(target: number) {
    this.target = target
  }

  static async start(port: number): Promise<SwallowingProxy> {
    const proxy = new SwallowingProxy(port)
    proxy.#server = createServer((client) => proxy.#join(client, dial(proxy.target, '127.0.0.1')))
    await new Promise<void>((resolve) => proxy.#server?.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get port(): number {
    const address = this.#server?.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** Breaks every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async stop(): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.#server?.close(resolve))
  }

  #join(client: Socket, server: Socket): void {
    const hung = this.hung
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(one)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        this.#sockets.delete(one)
        other.destroy()
      })
    }
    let dead = hung
    client.on('data', (bytes) => {
      dead ||= this.hung
      if (!dead) server.write(bytes)
    })
    server.on('data', (bytes) => {
      if (this.swallow) this.swallowed++
      else if (!dead) client.write(bytes)
    })
  }
}
