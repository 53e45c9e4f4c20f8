import { declaredMost } from '../admission/declared.ts'
import { type Kong, LONGEST_VALUE } from '../pdk.ts'
import { isObject, RequestBody } from '../request/body.ts'
import type { Denial } from '../request/denial.ts'
import { MOST_HEADERS, requestFacts } from '../request/guard.ts'
import { hiding, sessionDenial } from '../request/target.ts'
import type { Uncounted } from '../telemetry/metrics.ts'
import { type Answer, type Hints, inspectUsage, type Usage } from '../usage/read-usage.ts'

/** A buffered response. */
export interface BufferedResponse {
  /** What it reports, else why that is nothing. */
  readonly usage: Usage | Uncounted
  /** Members of it are missing that such a response always has. */
  readonly partial?: true | undefined
  /** Empty where it is too long to be read. */
  readonly body: Uint8Array
  /** Bytes of the whole body. */
  readonly seen: number
  /** Where it can be fetched again. */
  readonly answer?: Answer | undefined
  /** Content-Type and Content-Encoding, where they had to be looked up. */
  readonly type?: string | undefined
  readonly encoding?: string | undefined
}

/**
 * Reads a buffered response; undefined where there is nothing to count, because it is no 2xx.
 * Two PDK calls; a third, for the headers, only where the body alone says nothing.
 */
export async function readResponse(kong: Kong): Promise<BufferedResponse | undefined> {
  const received = await kong.service.response.getRawBody()
  const body = received ?? new Uint8Array()
  const status = await kong.service.response.getStatus()
  if (status < 200 || status > 299) return undefined
  const seen = inspectUsage(body)
  if (seen.usage !== undefined) {
    return { usage: seen.usage, partial: seen.partial, body, seen: body.length, answer: seen.answer }
  }
  const hints = hintsFrom(await kong.response.getHeaders())
  const again = inspectUsage(body, hints)
  return {
    usage: again.usage ?? (received === undefined ? 'unreadable' : again.reason),
    body,
    // A body that is too long arrives as none: it has more bytes than this.
    seen: received?.length ?? LONGEST_VALUE,
    answer: again.answer,
    type: hints.contentType,
    encoding: hints.contentEncoding,
  }
}

function hintsFrom(values: Record<string, string[]>): Hints {
  const headers = Object.fromEntries(Object.entries(values).map(([name, all]) => [name, all.join(', ')]))
  return { headers, contentType: headers['content-type'], contentEncoding: headers['content-encoding'] }
}

/** An answer that leaves usage out because of what its request asked for: its client does not get it. */
export interface Hidden {
  readonly denial: Denial
  /** What the answer is taken to have cost at least, besides the prompt; 0 = it cost nothing. Unit: tokens. */
  readonly least: number
}

/**
 * Whether a buffered answer shows less usage than there is because of its request's query, or hands out what can be used past the
 * gateway. Kong tells path and query for one more PDK call, which is too dear for every request: only an answer that reports nothing,
 * or a part, asks for it.
 * @param undeclared what is taken for a bound where the request declares none; in tokens
 */
export async function hiddenBy(
  kong: Kong,
  { usage, partial }: BufferedResponse,
  undeclared: number,
): Promise<Hidden | undefined> {
  if (typeof usage !== 'string' && !partial) return undefined
  const target = await kong.request.getPathWithQuery()
  const session = sessionDenial(target)
  if (session !== undefined) return { denial: session, least: 0 }
  const denial = hiding(target.replace(/^[^?]*\??/, ''), 'POST')
  if (denial === undefined) return undefined
  const body = new RequestBody(kong, requestFacts(await kong.request.getHeaders(MOST_HEADERS)))
  const object = await body.object()
  return {
    denial,
    least: isObject(object) ? declaredMost(object, target, undeclared) : undeclared,
  }
}
