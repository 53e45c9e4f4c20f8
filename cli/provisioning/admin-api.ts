import { type Dispatcher, request } from 'undici'
import { Failure } from '../failure.ts'

/** How `vk` reaches Kong's Admin API. */
export interface AdminAddress {
  readonly url: string
  /** Token for Kong's RBAC, or for another guard of the Admin API. */
  readonly token?: string
  /** The request header that carries the token. */
  readonly tokenHeader: string
  /** Holds the connections; if absent, undici's global dispatcher does. */
  readonly dispatcher?: Dispatcher
}

/** Kong's own names. Source: Kong 3.9, Admin API. */
const UNSUPPORTED = 12
const DUPLICATE = 5
const VIOLATION = 2

/** Unit: milliseconds. */
const TIMEOUT = 15_000

/** Kong's refusal of a request. The message is Kong's own; it may name fields, but never contains the token or a key. */
export class AdminError extends Error {
  override readonly name = 'AdminError'
  readonly status: number
  /** Kong's error code, such as 2 = schema violation. */
  readonly code: number | undefined

  constructor(method: string, path: string, status: number, body: unknown) {
    const { message, code, fields } = (typeof body === 'object' && body !== null ? body : {}) as Record<
      string,
      unknown
    >
    const said = code === VIOLATION ? problems(fields).join('; ') : withoutValues(code, message)
    const advice = status === 401 || status === 403 ? ': check KONG_ADMIN_TOKEN' : ''
    super(`${method} ${path}: ${`${status} ${said}`.trimEnd()}${advice}`)
    this.status = status
    this.code = typeof code === 'number' ? code : undefined
  }

  /** A node without a database: its configuration is its kong.yml. */
  get dbless(): boolean {
    return this.status === 405 && this.code === UNSUPPORTED
  }

  /** Another entity has this name or this key. */
  get duplicate(): boolean {
    return this.status === 409 && this.code === DUPLICATE
  }
}

/** Kong's Admin API. Each method sends one request, or one for each page. @throws AdminError, or Failure if it cannot be reached */
export class AdminApi {
  readonly #address: AdminAddress
  readonly #base: string

  constructor(address: AdminAddress) {
    this.#address = address
    this.#base = address.url.replace(/\/+$/, '')
  }

  /** Holds the connections for everything that calls this Kong. */
  get dispatcher(): Dispatcher | undefined {
    return this.#address.dispatcher
  }

  /** undefined: not found. */
  async get<T>(path: string): Promise<T | undefined> {
    const { status, body } = await this.#exchange('GET', path)
    if (status === 404) return undefined
    if (status > 299) throw new AdminError('GET', path, status, body)
    return body as T
  }

  /** As `get`. @throws NotKong for an entity without an id */
  async entity<T extends { readonly id: string }>(path: string): Promise<T | undefined> {
    const found = await this.get<T>(path)
    if (found !== undefined && typeof found.id !== 'string')
      throw new NotKong(this.#base, `its ${path} has no id`)
    return found
  }

  /** All pages of a list that every Kong has. @throws NotKong if it does not exist */
  async all<T>(path: string): Promise<T[]> {
    const found = await this.allOf<T>(path)
    if (found === undefined) throw new NotKong(this.#base, `it has no ${path}`)
    return found
  }

  /** All pages of a list that belongs to an entity; undefined if the entity does not exist. */
  async allOf<T>(path: string): Promise<T[] | undefined> {
    const found: T[] = []
    const seen = new Set<string>()
    for (let next: string | null = path; next !== null && !seen.has(next); ) {
      seen.add(next)
      const page: { readonly data?: T[]; readonly next?: string | null } | undefined = await this.get(next)
      if (page === undefined) return seen.size > 1 ? found : undefined
      if (!Array.isArray(page.data)) throw new NotKong(this.#base, `its ${path} is no list`)
      found.push(...page.data)
      next = page.next ?? null
    }
    return found
  }

  async send<T>(method: 'POST' | 'PUT' | 'PATCH', path: string, value: unknown): Promise<T> {
    const { status, body } = await this.#exchange(method, path, value)
    if (status > 299) throw new AdminError(method, path, status, body)
    return body as T
  }

  /** Also succeeds if there is nothing to delete. */
  async delete(path: string): Promise<void> {
    const { status, body } = await this.#exchange('DELETE', path)
    if (status > 299 && status !== 404) throw new AdminError('DELETE', path, status, body)
  }

  async #exchange(method: string, path: string, value?: unknown): Promise<{ status: number; body: unknown }> {
    const { status, text } = await this.#request(method, this.#urlOf(path), value)
    const body = jsonFrom(text)
    const problem = notOfKong(status, text, body)
    if (problem !== undefined) throw new NotKong(this.#base, problem)
    return { status, body }
  }

  async #request(method: string, url: URL, value: unknown): Promise<{ status: number; text: string }> {
    const { token, tokenHeader, dispatcher } = this.#address
    try {
      const { statusCode, body } = await request(url, {
        method,
        headers: {
          accept: 'application/json',
          ...(token === undefined ? {} : { [tokenHeader]: token }),
          ...(value === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: value === undefined ? null : JSON.stringify(value),
        ...(dispatcher === undefined ? {} : { dispatcher }),
        headersTimeout: TIMEOUT,
        bodyTimeout: TIMEOUT,
      })
      return { status: statusCode, text: await body.text() }
    } catch (cause) {
      const { message, code, name } = cause as Error & { readonly code?: string }
      throw new Failure(`Kong's Admin API cannot be reached: ${message || code || name}`, 3, { cause })
    }
  }

  /** @throws Error for a path that a URL would change, such as one with `..`, because it would name another entity. `path` prevents it. */
  #urlOf(path: string): URL {
    const url = new URL(`${this.#base}${path}`)
    if (url.href !== `${new URL(this.#base).href.replace(/\/$/, '')}${path}`)
      throw new Error(`${JSON.stringify(path)} would become another path in a URL`)
    return url
  }
}

/** Replaces Kong's message, which repeats the value that is taken, because that may be a key. */
function withoutValues(code: unknown, message: unknown): string {
  if (code === DUPLICATE) return 'something with that name, or that key, is there already'
  return typeof message === 'string' ? message : ''
}

/** One `field: problem` each. Values that Kong repeats are left out, because one may be a webhook. */
function problems(fields: unknown, path = ''): string[] {
  if (typeof fields !== 'object' || fields === null)
    return [`${path}: ${String(fields).replace(/^(invalid value): .*$/s, '$1')}`]
  return Object.entries(fields).flatMap(([name, value]) =>
    // Problems of the entity as a whole, in a list.
    name === '@entity' ? [value].flat().map(String) : problems(value, path === '' ? name : `${path}.${name}`),
  )
}

function jsonFrom(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What answered is not Kong's Admin API: a web server, Kong's proxy, a login page. */
export class NotKong extends Failure {
  constructor(url: string, problem: string) {
    super(
      `${new URL(url).origin} answers, but not as Kong's Admin API does (${problem}): check --admin-url`,
      3,
    )
  }
}

/** What Kong's proxy answers if no route matches. Source: Kong 3.9, kong/runloop/handler.lua. */
const OF_THE_PROXY = 'no Route matched with those values'

/** A proxy before Kong, or Kong's RBAC, may answer these in any form. */
const OF_ANYBODY: readonly number[] = [401, 403, 407, 429]

/** Why an answer cannot come from Kong; undefined if it can. @param body parsed as JSON */
export function notOfKong(status: number, text: string, body: unknown): string | undefined {
  if (status === 204 || status >= 500 || OF_ANYBODY.includes(status)) return undefined
  if (status < 200 || (status > 299 && status < 400)) return `it answers ${status}`
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return `it answers ${status} ${text === '' ? 'with nothing' : 'with what is no JSON object'}`
  if (status !== 404) return undefined
  const { message } = body as { readonly message?: unknown }
  if (message === OF_THE_PROXY) return 'it is the proxy; the Admin API has a port of its own, such as 8001'
  return typeof message === 'string' ? undefined : 'its 404 has no message'
}
