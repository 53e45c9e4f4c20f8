import type { Kong } from '../../pdk.ts'
import { LARGEST } from '../../request/body.ts'
import { MOST_HEADERS, requestFacts } from '../../request/guard.ts'
import { NOTHING, type Sample } from './bounded-sample.ts'

/** The part of a sample that is the request's. */
export type RequestSample = Pick<Sample, 'request' | 'sent' | 'requestType' | 'requestEncoding'>

/**
 * The request, as its response phase can still ask for it: two PDK calls, and a third where the headers declare no length, because
 * Kong answers 500 where a body is longer than what it is asked for. The longest ones are not read.
 */
export async function readRequest(kong: Kong): Promise<RequestSample> {
  const headers = await kong.request.getHeaders(MOST_HEADERS)
  const sent = requestFacts(headers).length ?? Number(await kong.nginx.getVar('request_length'))
  const [requestType] = headers['content-type'] ?? []
  const [requestEncoding] = headers['content-encoding'] ?? []
  const request = sent > 0 && sent <= LARGEST ? await kong.request.getRawBody(LARGEST) : undefined
  return {
    request: request ?? NOTHING,
    sent: request?.length ?? sent,
    ...(requestType === undefined ? {} : { requestType }),
    ...(requestEncoding === undefined ? {} : { requestEncoding }),
  }
}
