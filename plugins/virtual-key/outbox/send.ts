import { Agent, buildConnector, request, type Dispatcher as Undici } from 'undici'
import { retryAfter, type Tried } from './outcome.ts'
import { publicLookup, RefusedTarget, refuseAddress } from './target.ts'

/** Most of a response body that is read, for the log. Unit: bytes. */
const MOST_BODY = 4096

export interface Post {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Milliseconds for all of it: connecting, headers, body. */
  readonly timeout: number
  readonly allowPrivateNetworks: boolean
}

/** Sends webhook requests over kept connections. Redirects are not followed. */
export class Sender {
  readonly #open = new Agent({ connections: 32 })
  readonly #guarded = new Agent({ connections: 32, connect: guardedConnector() })
  readonly #clock: () => number

  constructor(clock: () => number) {
    this.#clock = clock
  }

  /** One attempt. Never throws: whatever goes wrong is what the attempt came to. */
  async send(post: Post): Promise<Tried> {
    const at = this.#clock()
    const started = performance.now()
    const duration = () => Math.round(performance.now() - started)
    try {
      const response = await this.#request(post)
      const { statusCode: status, headers } = response
      const text = await excerpt(response.body)
      if (status >= 200 && status < 300) return { attempt: { at, duration: duration(), status } }
      const wait =
        status === 429 || status === 503 ? retryAfter(single(headers['retry-after']), at) : undefined
      const error = status >= 300 && status < 400 ? 'redirects are not followed' : text || `status ${status}`
      const attempt = { at, duration: duration(), status, error }
      return wait === undefined ? { attempt } : { attempt, retryAfter: wait }
    } catch (error) {
      const attempt = { at, duration: duration(), error: describe(error as Error, post.timeout) }
      return error instanceof RefusedTarget ? { attempt, refused: true } : { attempt }
    }
  }

  #request({ url, headers, body, timeout, allowPrivateNetworks }: Post): Promise<Undici.ResponseData> {
    const target = new URL(url)
    const authorization = basic(target)
    target.username = ''
    target.password = ''
    return request(target, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'virtual-key',
        ...(authorization === undefined ? {} : { authorization }),
        ...headers,
      },
      body,
      dispatcher: allowPrivateNetworks ? this.#open : this.#guarded,
      headersTimeout: timeout,
      bodyTimeout: timeout,
      signal: AbortSignal.timeout(timeout),
    })
  }

  async close(): Promise<void> {
    await Promise.all([this.#open.close(), this.#guarded.close()])
  }
}

/** Judges literal addresses, for which no name is looked up, and leaves names to the look-up. */
function guardedConnector(): buildConnector.connector {
  const connect = buildConnector({ lookup: publicLookup })
  return (options, callback) => {
    try {
      refuseAddress(options.hostname)
    } catch (error) {
      return callback(error as Error, null)
    }
    connect(options, callback)
  }
}

/** Credentials in a URL become the header that they stand for. */
function basic({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return `Basic ${Buffer.from(pair).toString('base64')}`
}

/** The start of a response body. A receiver that never ends it, or breaks it off, has answered all the same. */
async function excerpt(body: Undici.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of body) {
      chunks.push(chunk as Buffer)
      length += (chunk as Buffer).length
      if (length >= MOST_BODY) break
    }
  } catch {
    // The status is known, and it alone decides.
  }
  return Buffer.concat(chunks).subarray(0, MOST_BODY).toString('utf8').trim()
}

function describe(error: Error & { code?: string }, timeout: number): string {
  if (error.name === 'TimeoutError') return `no answer within ${timeout} ms`
  return error.code === undefined || error.message.includes(error.code)
    ? error.message
    : `${error.code}: ${error.message}`
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}
