import type { Kong } from './kong.ts'
import type { Uncounted } from './metrics.ts'
import { inspectUsage } from './usage/index.ts'
import type { Hints, Usage } from './usage/usage.ts'

/**
 * The usage of a buffered response; why it has none; or undefined where there is nothing to count, because it is no 2xx.
 * Two PDK calls; a third, for the headers, only where the body alone says nothing.
 */
export async function read(kong: Kong): Promise<Usage | Uncounted | undefined> {
  const body = (await kong.service.response.getRawBody()) ?? new Uint8Array()
  const status = await kong.service.response.getStatus()
  if (status < 200 || status > 299) return undefined
  const seen = inspectUsage(body)
  if (seen.usage !== undefined) return seen.usage
  const again = inspectUsage(body, hintsFrom(await kong.response.getHeaders()))
  return again.usage ?? again.reason
}

function hintsFrom(values: Record<string, string[]>): Hints {
  const headers = Object.fromEntries(Object.entries(values).map(([name, all]) => [name, all.join(', ')]))
  const { 'content-type': contentType, 'content-encoding': contentEncoding } = headers
  return {
    headers,
    ...(contentType === undefined ? {} : { contentType }),
    ...(contentEncoding === undefined ? {} : { contentEncoding }),
  }
}
