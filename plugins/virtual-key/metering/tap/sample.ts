import { NOTHING, type Sample } from '../estimate/bounded-sample.ts'
import { asksModel } from '../estimate/prompt.ts'
import type { Tapped } from './tapped.ts'

/** What a tapped exchange is estimated by. undefined: it asked no model, so that there is nothing to estimate. */
export function sampleOf({ hints, head, tail, seen, sent }: Tapped): Sample | undefined {
  if (sent !== undefined && !asksModel(sent.path)) return undefined
  return {
    request: sent?.body ?? NOTHING,
    ...(sent === undefined ? {} : { sent: sent.length }),
    ...(sent?.type === undefined ? {} : { requestType: sent.type }),
    ...(sent?.encoding === undefined ? {} : { requestEncoding: sent.encoding }),
    head,
    seen,
    ...(tail === undefined ? {} : { tail }),
    ...(hints.contentType === undefined ? {} : { type: hints.contentType }),
    ...(hints.contentEncoding === undefined ? {} : { encoding: hints.contentEncoding }),
  }
}
