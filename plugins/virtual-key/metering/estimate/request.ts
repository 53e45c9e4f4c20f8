import type { Kong } from '../../pdk.ts'
import { LARGEST } from '../../request/body.ts'
import { MOST_HEADERS, requestFacts } from '../../request/guard.ts'
import { NOTHING, type Sample } from './bounded-sample.ts'

/** The members of a sample that describe the request. */
export type RequestSample = Pick<Sample, 'request' | 'sent' | 'requestType' | 'requestEncoding'>

/**
 * Reads the request in the response phase: two PDK calls, and a third if the headers declare no length, because Kong answers 500 if the
 * body is longer than the length that the call allows. The longest bodies are not read.
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
    requestType,
    requestEncoding,
  }
}
