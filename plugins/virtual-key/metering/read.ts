import type { Kong } from '../pdk.ts'
import { LONGEST } from '../server/messages.ts'
import type { Uncounted } from '../telemetry/metrics.ts'
import { type Answer, type Hints, inspectUsage, type Reading, type Usage } from '../usage/read-usage.ts'

/** A buffered response. */
export interface Read {
  /** What it reports, else why that is nothing. */
  readonly usage: Usage | Uncounted
  /** Members of it are missing that such a response always has. */
  readonly partial?: true
  /** Empty where it is too long to be read. */
  readonly body: Uint8Array
  /** Bytes of the whole body. */
  readonly seen: number
  /** Where it can be fetched again. */
  readonly answer?: Answer
  /** Content-Type and Content-Encoding, where they had to be looked up. */
  readonly type?: string
  readonly encoding?: string
}

/**
 * Reads a buffered response; undefined where there is nothing to count, because it is no 2xx.
 * Two PDK calls; a third, for the headers, only where the body alone says nothing.
 */
export async function read(kong: Kong): Promise<Read | undefined> {
  const received = await kong.service.response.getRawBody()
  const body = received ?? new Uint8Array()
  const status = await kong.service.response.getStatus()
  if (status < 200 || status > 299) return undefined
  const seen = inspectUsage(body)
  if (seen.usage !== undefined) {
    const partial = seen.partial ? { partial: true as const } : {}
    return { usage: seen.usage, body, seen: body.length, ...answerOf(seen), ...partial }
  }
  const hints = hintsFrom(await kong.response.getHeaders())
  const again = inspectUsage(body, hints)
  return {
    usage: again.usage ?? (received === undefined ? 'unreadable' : again.reason),
    body,
    // A body that is too long arrives as none: it has more bytes than this.
    seen: received?.length ?? LONGEST,
    ...answerOf(again),
    ...(hints.contentType === undefined ? {} : { type: hints.contentType }),
    ...(hints.contentEncoding === undefined ? {} : { encoding: hints.contentEncoding }),
  }
}

function answerOf({ answer }: Reading): { readonly answer?: Answer } {
  return answer === undefined ? {} : { answer }
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
