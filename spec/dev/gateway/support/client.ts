import { type IncomingHttpHeaders, type RequestOptions, request } from 'node:http'
import { buffer } from 'node:stream/consumers'

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** the body as JSON */
  json(): Record<string, unknown>
}

/** A request whose headers and body go out, and come back, untouched. */
export async function ask(url: string, options: RequestOptions = {}, body?: string | Buffer): Promise<Reply> {
  return await new Promise((resolve, reject) => {
    const asked = request(url, { agent: false, ...options }, async (response) => {
      try {
        const received = await buffer(response)
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: received,
          json: () => JSON.parse(received.toString()) as Record<string, unknown>,
        })
      } catch (error) {
        reject(error)
      }
    })
    asked.on('error', reject)
    asked.end(body)
  })
}
