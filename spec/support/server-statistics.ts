import { Redis } from 'ioredis'
import type { Place } from './place.ts'

/** What the servers of a place say about themselves. */
export class ServerStatistics {
  readonly #clients: readonly Redis[]

  constructor({ servers }: Place) {
    this.#clients = servers.map(({ port }) => new Redis(port))
  }

  async forget(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.config('RESETSTAT')))
  }

  /** How often they ran a command since `forget`, inside scripts too. */
  async calls(command: string): Promise<number> {
    const texts = await Promise.all(this.#clients.map((client) => client.info('commandstats')))
    const calls = texts.map((text) =>
      Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(text)?.[1] ?? 0),
    )
    return calls.reduce((sum, one) => sum + one, 0)
  }

  /** Connections of that name. A client that was killed is among them until its last command has run. */
  async connections(name: string): Promise<number> {
    const lists = await Promise.all(this.#clients.map((client) => client.client('LIST')))
    return String(lists).split(`name=${name} `).length - 1
  }

  stop(): void {
    for (const client of this.#clients) client.disconnect()
  }
}
