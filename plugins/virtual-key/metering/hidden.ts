import { declaredMost } from '../admission/declared.ts'
import type { Kong } from '../pdk.ts'
import { isObject, RequestBody } from '../request/body.ts'
import type { Denial } from '../request/denial.ts'
import { MOST_HEADERS, requestFacts } from '../request/guard.ts'
import { hiding, sessionDenial } from '../request/target.ts'
import type { Read } from './read.ts'

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
  { usage, partial }: Read,
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
