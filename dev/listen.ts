import { createServer, type RequestListener, type Server } from 'node:http'

/**
 * An HTTP server on a loopback port.
 * @param what for the message, such as "the sample upstream" @param cure what a user can do about a taken port
 * @throws Error in one line when the port is taken
 */
export async function listen(
  port: number,
  what: string,
  cure: string,
  handle: RequestListener,
): Promise<Server> {
  const server = createServer(handle)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(taken(error, port, what, cure)))
    server.listen(port, '127.0.0.1', resolve)
  })
  return server
}

/** The port that a server listens on. */
export function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

export function taken(error: NodeJS.ErrnoException, port: number, what: string, cure: string): Error {
  if (error.code !== 'EADDRINUSE') return error
  return new Error(`port ${port} for ${what} is taken: ${cure}`)
}

export async function bodyOf(request: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
