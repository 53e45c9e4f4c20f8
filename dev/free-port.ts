import { createServer } from 'node:net'

/**
 * Where a port is looked for. Systems take the local ports of outgoing connections from above 32,767, so none of those takes a port whose
 * server is down for a moment. A node of a Redis Cluster also listens 10,000 above its port.
 */
const FIRST = 10_000
const COUNT = 10_000
/** Processes that search at the same time start far from each other, also where their ids are neighbours. */
let next = (process.pid * 97) % COUNT

/** A loopback port that was free a moment ago, and is found only once by this process. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < COUNT; tries++) {
    const port = FIRST + next
    next = (next + 1) % COUNT
    if (await isFree(port)) return port
  }
  throw new Error(`no port from ${FIRST} to ${FIRST + COUNT - 1} is free on 127.0.0.1`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
