import type { Server as NetServer, Socket } from 'node:net'
import Listener from 'kong-pdk/listener.js'
import type { Log } from '../log.ts'
import { answer } from './answer.ts'
import { Messages } from './messages.ts'
import type { PluginServer } from './plugin-server.ts'

export interface Serving {
  /** Takes no more connections, waits for phases in flight for at most `patience` milliseconds, then closes what is left. */
  stop(patience: number): Promise<void>
}

/** Listens on a unix socket with kong-pdk's listener. Resolves when Kong can connect. @throws Error when it cannot listen */
export async function serve(server: PluginServer, socketPath: string, log: Log): Promise<Serving> {
  const listener: NetServer = new Listener(server, socketPath).serve()
  const connections = new Set<Socket>()
  listener.on('connection', (socket) => {
    connections.add(socket)
    socket.on('close', () => connections.delete(socket))
    // Kong closed it, or died: its requests end there, and this process serves the others.
    socket.on('error', (error) => log.warn(`a connection from Kong broke: ${error.message}`))
    converse(server, socket, log)
  })
  await new Promise<void>((resolve, reject) => {
    listener.once('listening', resolve)
    listener.once('error', reject)
  })
  return {
    async stop(patience) {
      listener.close()
      const deadline = performance.now() + patience
      while (server.events.size > 0 && performance.now() < deadline)
        await new Promise((wake) => setTimeout(wake, 10))
      for (const socket of connections) socket.destroy()
      server.close()
    },
  }
}

/** Reads and answers messages in place of the listener's own handler. */
function converse(server: PluginServer, socket: Socket, log: Log): void {
  const messages = new Messages()
  const hangUp = (error: Error) => {
    log.error(`a connection from Kong sent what is no request: ${error.message}`)
    socket.destroy()
  }
  socket.removeAllListeners('data')
  socket.on('data', (chunk: Uint8Array) => {
    try {
      for (const message of messages.push(chunk)) {
        answer(server, message).then((reply) => socket.write(reply), hangUp)
      }
    } catch (error) {
      hangUp(error as Error)
    }
  })
}
