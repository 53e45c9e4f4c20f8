import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../log.ts'
import { answer } from './answer.ts'
import { Messages } from './messages.ts'
import type { PluginServer } from './plugin-server.ts'
import { SharedSocket } from './socket.ts'

export interface Serving {
  /** Takes no more connections, waits for phases in flight for at most `patience` milliseconds, then closes what is left. */
  stop(patience: number): Promise<void>
}

/** Listens on a unix socket. Resolves when Kong can connect. @throws Error when it cannot listen */
export async function serve(server: PluginServer, socketPath: string, log: Log): Promise<Serving> {
  const connections = new Set<Socket>()
  let stopping = false
  const accept = (socket: Socket) => {
    connections.add(socket)
    socket.on('close', () => connections.delete(socket))
    // Kong closed it, or died: its requests end there, and this process serves the others.
    socket.on('error', (error) => log.warn(`a connection from Kong broke: ${error.message}`))
    converse(server, socket, log, () => stopping || shared.lost)
  }
  const shared = await SharedSocket.open(socketPath, accept, log)
  return {
    async stop(patience) {
      stopping = true
      shared.close()
      const deadline = performance.now() + patience
      while (server.running > 0 && performance.now() < deadline) await sleep(10)
      for (const socket of connections) socket.destroy()
      server.close()
    },
  }
}

/**
 * Reads and answers messages. Kong keeps its connections and sends all messages of a phase on one of them, so a process that goes,
 * or has a successor, hangs up with the answer that ends a phase: the next request connects to whoever has the path, and none is
 * cut off in its middle.
 */
function converse(server: PluginServer, socket: Socket, log: Log, leaving: () => boolean): void {
  const messages = new Messages()
  const hangUp = (error: Error) => {
    log.error(`a connection from Kong sent what is no request: ${error.message}`)
    socket.destroy()
  }
  const reply = async (message: Uint8Array) => {
    const { bytes, endsPhase } = await answer(server, message)
    if (endsPhase && leaving()) socket.end(bytes)
    else socket.write(bytes)
  }
  socket.on('data', (chunk: Uint8Array) => {
    try {
      for (const message of messages.push(chunk)) reply(message).catch(hangUp)
    } catch (error) {
      hangUp(error as Error)
    }
  })
}
