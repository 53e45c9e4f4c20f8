import { createRequire } from 'node:module'
import type { Readable } from 'node:stream'
import type { Agent, buildConnector, Dispatcher as Undici } from 'undici'
import { printable } from '../telemetry/safe-text.ts'
import { retryAfter, type Tried } from './outcome.ts'
import { callable, publicLookup, RefusedTarget, refuseAddress } from './webhook-target.ts'

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

/** undici, and the connections it keeps. */
interface Client {
  readonly request: typeof import('undici').request
  readonly open: Agent
  readonly guarded: Agent
}

/** Sends webhook requests over kept connections. Redirects are not followed. */
export class Sender {
  /** Made by the first attempt: a start that loads undici takes 50 ms longer, in which Kong finds nobody. */
  #client: Client | undefined
  readonly #clock: () => number

  constructor(clock: () => number) {
    this.#clock = clock
  }

  /** One attempt. Never throws: whatever goes wrong is what the attempt came to. */
  async send(post: Post): Promise<Tried> {
    const at = this.#clock()
    const started = performance.now()
    const duration = () => Math.round(performance.now() - started)
    let hidden: readonly string[] = []
    try {
      const target = callable(post.url)
      const credentials = credentialsOf(target)
      hidden = credentials.hidden
      const { statusCode: status, headers, body } = await this.#request(post, target, credentials.header)
      if (status >= 200 && status < 300) {
        // Delivered: nothing in the body can change that, so nobody waits for it.
        body.dump({ limit: MOST_BODY }).catch(() => undefined)
        return { attempt: { at, duration: duration(), status } }
      }
      const wait =
        status === 429 || status === 503 ? retryAfter(single(headers['retry-after']), at) : undefined
      const text = await excerpt(body, hidden)
      const error = status >= 300 && status < 400 ? 'redirects are not followed' : text || `status ${status}`
      const attempt = { at, duration: duration(), status, error }
      return wait === undefined ? { attempt } : { attempt, retryAfter: wait }
    } catch (error) {
      const reason = printable(describe(error as Error, post.timeout), hidden)
      const attempt = { at, duration: duration(), error: reason }
      return error instanceof RefusedTarget ? { attempt, refused: true } : { attempt }
    }
  }

  async #request(post: Post, target: URL, authorization: string | undefined): Promise<Undici.ResponseData> {
    const { headers, body, timeout, allowPrivateNetworks } = post
    this.#client ??= newClient()
    const { request, open, guarded } = this.#client
    return await request(target, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'virtual-key',
        ...(authorization === undefined ? {} : { authorization }),
        ...headers,
      },
      body,
      dispatcher: allowPrivateNetworks ? open : guarded,
      headersTimeout: timeout,
      bodyTimeout: timeout,
      signal: AbortSignal.timeout(timeout),
    })
  }

  /** Breaks off what is still on its way. */
  async close(): Promise<void> {
    await Promise.all([this.#client?.open.destroy(), this.#client?.guarded.destroy()])
  }
}

/**
 * undici is loaded with the first attempt, for many plugin servers never send one. It is required: Node 20, when it is busy, now and then
 * gave import() of this CommonJS package a namespace without anything in it, for good; no attempt could be made then.
 */
const nodeRequire = createRequire(import.meta.url)

function newClient(): Client {
  const { Agent, buildConnector, request } = nodeRequire('undici') as typeof import('undici')
  const connect = guarded(buildConnector({ lookup: publicLookup }))
  return {
    request,
    open: new Agent({ connections: 32 }),
    guarded: new Agent({ connections: 32, connect }),
  }
}

/** Judges literal addresses, for which no name is looked up, and leaves names to the look-up. */
function guarded(connect: buildConnector.connector): buildConnector.connector {
  return (options, callback) => {
    try {
      refuseAddress(options.hostname)
    } catch (error) {
      return callback(error as Error, null)
    }
    connect(options, callback)
  }
}

/** Takes the credentials out of a URL: the header that they stand for, and every spelling that must not be kept. */
function credentialsOf(target: URL): { header?: string; hidden: readonly string[] } {
  const { username, password } = target
  if (username === '' && password === '') return { hidden: [] }
  target.username = ''
  target.password = ''
  const [name, secret] = [decoded(username), decoded(password)]
  const pair = Buffer.from(`${name}:${secret}`).toString('base64')
  return { header: `Basic ${pair}`, hidden: [pair, secret || name, password || username] }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/**
 * The start of a response body as one line. A receiver that never ends it, or breaks it off, has answered all the same.
 * @param hidden texts that must not be kept: a receiver may send back the credentials it got
 */
async function excerpt(body: Readable, hidden: readonly string[]): Promise<string> {
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
  return printable(Buffer.concat(chunks).subarray(0, MOST_BODY).toString('utf8'), hidden)
}

function describe(error: Error & { code?: string }, timeout: number): string {
  if (error.name === 'TimeoutError') return `no answer within ${timeout} ms`
  // Several addresses were tried: the error of each is inside.
  const text = error.message || (error as Error & { errors?: Error[] }).errors?.[0]?.message || error.name
  return error.code === undefined || text.includes(error.code) ? text : `${error.code}: ${text}`
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}
