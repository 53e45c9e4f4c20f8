import { setTimeout as sleep } from 'node:timers/promises'

/** Waits for a condition, never for a fixed time. @throws Error that names what did not come, with its last value */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  timeout = 45_000,
): Promise<Exclude<T, undefined | null | false>> {
  const deadline = performance.now() + timeout
  for (;;) {
    const seen = await look()
    if (seen) return seen as Exclude<T, undefined | null | false>
    if (performance.now() > deadline)
      throw new Error(`${what} did not come within ${timeout} ms: ${String(seen)}`)
    await sleep(10)
  }
}
