import { Pool } from 'undici'

export interface Measured {
  readonly perSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
}

/** Sends chat requests over this many connections, each as fast as it is answered, for some milliseconds. @throws on a non-2xx */
export async function load(
  url: string,
  headers: Record<string, string>,
  connections: number,
  milliseconds: number,
): Promise<Measured> {
  const { origin, pathname } = new URL(url)
  const pool = new Pool(origin, { connections, pipelining: 1 })
  const body = '{"model":"bench","messages":[{"role":"user","content":"Hello"}]}'
  const latencies: number[] = []
  const started = performance.now()
  const one = async () => {
    while (performance.now() - started < milliseconds) {
      const sent = performance.now()
      const response = await pool.request({ path: pathname, method: 'POST', headers, body })
      await response.body.dump()
      if (response.statusCode > 299) throw new Error(`${url} answered ${response.statusCode}`)
      latencies.push(performance.now() - sent)
    }
  }
  await Promise.all(Array.from({ length: connections }, one))
  const elapsed = performance.now() - started
  await pool.close()
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.floor((latencies.length - 1) * share)] ?? Number.NaN
  return { perSecond: (latencies.length / elapsed) * 1000, p50: at(0.5), p99: at(0.99) }
}

/** The measurement in the middle, by requests per second: one disturbed round does not decide. */
export function median(rounds: readonly Measured[]): Measured {
  const sorted = [...rounds].sort((a, b) => a.perSecond - b.perSecond)
  const middle = sorted[Math.floor(sorted.length / 2)]
  if (middle === undefined) throw new Error('no round was measured')
  return middle
}
