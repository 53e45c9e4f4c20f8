import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../telemetry/log.ts'
import { answer } from './answer.ts'
import { Messages } from './messages.ts'
import type { PluginServer } from './plugin-server.ts'
import { SharedSocket } from './socket.ts'

export interface Serving {
  /**
   * Waits for phases in flight, then closes everything. Until then it accepts connections, because at a reload this process may get its
   * signal before its successor listens.
   * @param timeout the longest time that this may take, in milliseconds
   * @param unused wait also until Kong has closed its connections, or moved to the successor
   */
  stop(timeout: number, unused: boolean): Promise<void>
}

/** How long it goes on serving while it has no successor; a Kong that reloads kills it after about this time. Unit: milliseconds. */
const HANDOVER = 150
/**
 * Sent after an answer, this makes Kong drop the connection: Kong reads 4 KiB at a time and does not put a connection with unread bytes
 * back into its pool. Closing the connection is not enough, because Kong may take it out of the pool and send another request before it
 * notices. Source: OpenResty, ngx_http_lua_socket_tcp.c, setkeepalive; Kong, mp_rpc.lua. Unit: bytes.
 */
const SURPLUS = new Uint8Array(16_384)
/** A process with a successor ends when it has had no connection for this long. Unit: milliseconds. */
const OBSOLETE = 10_000

/**
 * Listens on a unix socket. Resolves when Kong can connect.
 * @param obsolete called when another process has taken over for good
 * @throws Error when it cannot listen
 */
export async function serve(
  server: PluginServer,
  socketPath: string,
  log: Log,
  obsolete: () => void = () => undefined,
): Promise<Serving> {
  const connections = new Set<Socket>()
  let used = performance.now()
  const accept = (socket: Socket) => {
    connections.add(socket)
    socket.on('close', () => {
      connections.delete(socket)
      used = performance.now()
    })
    // Kong closed it or died: the requests on it have ended, and this process goes on serving the others.
    socket.on('error', (error) => log.warn(`a connection from Kong broke: ${error.message}`))
    converse(server, socket, log, () => shared.lost)
  }
  const shared = await SharedSocket.open(socketPath, accept, log)
  const watch = setInterval(() => {
    if (!shared.lost || connections.size > 0) used = performance.now()
    else if (performance.now() - used > OBSOLETE) obsolete()
  }, OBSOLETE / 10)
  watch.unref()
  return {
    async stop(timeout, unused) {
      clearInterval(watch)
      const started = performance.now()
      const spent = () => performance.now() - started
      const needed = () =>
        server.running > 0 || (unused && connections.size > 0) || (!shared.lost && spent() < HANDOVER)
      while (needed() && spent() < timeout) await sleep(10)
      shared.close()
      for (const socket of connections) socket.destroy()
      server.close()
    },
  }
}

/**
 * Reads and answers messages. Kong keeps its connections open and sends all messages of a phase on the same one. So a process that has
 * a successor makes Kong drop a connection together with the answer that ends a phase: the next request connects to the successor, and
 * no request is cut off.
 */
function converse(server: PluginServer, socket: Socket, log: Log, succeeded: () => boolean): void {
  const messages = new Messages()
  const hangUp = (error: Error) => {
    log.error(`a connection from Kong sent something that is no request: ${error.message}`)
    socket.destroy()
  }
  const reply = async (message: Uint8Array) => {
    const { bytes, endsPhase } = await answer(server, message)
    socket.write(endsPhase && succeeded() ? Buffer.concat([bytes, SURPLUS]) : bytes)
  }
  socket.on('data', (chunk: Uint8Array) => {
    try {
      for (const message of messages.push(chunk)) reply(message).catch(hangUp)
    } catch (error) {
      hangUp(error as Error)
    }
  })
}
