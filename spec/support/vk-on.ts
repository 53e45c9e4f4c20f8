import type { ChildProcess } from 'node:child_process'
import { expect } from 'chai'
import { migrated } from './migrated.ts'
import { PLACES, type Place } from './place.ts'
import { type Ended, startVk, vk } from './vk.ts'

/** The `vk` command against one place. */
export interface VkOn {
  readonly place: Place
  /** As a process of its own. */
  start(...args: string[]): ChildProcess
  run(...args: string[]): Promise<Ended>
  /** With a text on stdin. */
  feed(input: string | Uint8Array, ...args: string[]): Promise<Ended>
  /** What it prints with `--json`; it must have exit code 0 and print nothing else. */
  json(...args: string[]): Promise<unknown>
}

/** Describes a command on a single Redis and on a cluster, each emptied and migrated before every example. */
export function describeVk(what: string, examples: (vk: () => VkOn) => void): void {
  for (const [name, open] of Object.entries(PLACES))
    describe(`${what} on ${name}`, function () {
      this.timeout(60_000)

      let on: VkOn | undefined
      before(async () => {
        on = vkOn(await open())
      })
      beforeEach(async () => {
        await on?.place.flush()
        if (on) await migrated(on.place)
      })
      after(() => on?.place.stop())

      examples(() => {
        if (on === undefined) throw new Error('no place is open')
        return on
      })
    })
}

function vkOn(place: Place): VkOn {
  const ports = place.servers.map(({ port }) => port)
  const env: Record<string, string> =
    ports.length === 1
      ? { REDIS_URL: `redis://127.0.0.1:${ports[0]}` }
      : { REDIS_CLUSTER_NODES: ports.map((port) => `127.0.0.1:${port}`).join(',') }
  return {
    place,
    feed: (input, ...args) => vk(args, env, input),
    start: (...args) => startVk(args, env),
    run: (...args) => vk(args, env),
    async json(...args) {
      const { code, stdout, stderr } = await vk([...args, '--json'], env)
      expect([code, stderr]).to.deep.equal([0, ''])
      return JSON.parse(stdout)
    },
  }
}
