import { readFileSync } from 'node:fs'
import { exchange, type Kind, newInstance } from '../support/exchange.ts'
import { PluginProcess } from '../support/plugin-process.ts'

const CONNECTIONS = 8

/** Resident memory of the plugin server before and after so many events of every kind, after a warm-up of a tenth. */
export async function memory(redisPort: number, events: number): Promise<string> {
  const server = await PluginProcess.start()
  try {
    const wires = await Promise.all(Array.from({ length: CONNECTIONS }, () => server.connect()))
    const instance = await newInstance(wires[0] ?? (await server.connect()), redisPort)
    const run = async (count: number) => {
      let left = count
      const kinds: readonly Kind[] = ['settled', 'rejected', 'no key']
      await Promise.all(
        wires.map(async (wire) => {
          while (left-- > 0) await exchange(wire, instance, kinds[left % 3] ?? 'settled')
        }),
      )
    }
    await run(events / 10)
    const before = resident(server.child.pid)
    await run(events)
    const after = resident(server.child.pid)
    for (const wire of wires) wire.close()
    return `Plugin server's memory over ${events} events: ${before.toFixed(0)} MB before, ${after.toFixed(0)} MB after`
  } finally {
    await server.stop()
  }
}

/** Unit: MB. Linux only. */
function resident(pid: number | undefined): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}
