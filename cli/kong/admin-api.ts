import { request } from 'undici'
import { Failure } from '../failure.ts'

/** How `vk` reaches Kong's Admin API. */
export interface AdminAddress {
  readonly url: string
  /** For Kong's RBAC, or whatever guards the Admin API. */
  readonly token?: string
  /** The request header that carries the token. */
  readonly tokenHeader: string
}

/** Kong's own names. Source: Kong 3.9, Admin API. */
const UNSUPPORTED = 12
const DUPLICATE = 5
const VIOLATION = 2

/** Unit: milliseconds. */
const TIMEOUT = 15_000

/** What Kong answered instead of doing it. The message is Kong's own; it may name fields, never the token or a key. */
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
    super(`${method} ${path}: ${status} ${said}`.trimEnd())
    this.status = status
    this.code = typeof code === 'number' ? code : undefined
  }

  /** A node without a database: its configuration is its kong.yml. */
  get dbless(): boolean {
    return this.status === 405 && this.code === UNSUPPORTED
  }

  /** Somebody else has that name or that key. */
  get duplicate(): boolean {
    return this.status === 409 && this.code === DUPLICATE
  }
}

/** Kong's Admin API: each method one request, or one for each page. @throws AdminError, or Failure when it cannot be reached */
export class AdminApi {
  readonly #address: AdminAddress
  readonly #base: string

  constructor(address: AdminAddress) {
    this.#address = address
    this.#base = address.url.replace(/\/+$/, '')
  }

  /** undefined: not found. */
  async get<T>(path: string): Promise<T | undefined> {
    const { status, body } = await this.#exchange('GET', path)
    if (status === 404) return undefined
    if (status > 299) throw new AdminError('GET', path, status, body)
    return body as T
  }

  /** All pages of a list; empty where its owner is not found. */
  async all<T>(path: string): Promise<T[]> {
    const found: T[] = []
    for (let next: string | null = path; next !== null; ) {
      const page: { data: T[]; next: string | null } | undefined = await this.get(next)
      if (page === undefined) break
      found.push(...page.data)
      next = page.next
    }
    return found
  }

  async send<T>(method: 'POST' | 'PUT' | 'PATCH', path: string, value: unknown): Promise<T> {
    const { status, body } = await this.#exchange(method, path, value)
    if (status > 299) throw new AdminError(method, path, status, body)
    return body as T
  }

  /** Done too where there was nothing to delete. */
  async delete(path: string): Promise<void> {
    const { status, body } = await this.#exchange('DELETE', path)
    if (status > 299 && status !== 404) throw new AdminError('DELETE', path, status, body)
  }

  async #exchange(method: string, path: string, value?: unknown): Promise<{ status: number; body: unknown }> {
    const { token, tokenHeader } = this.#address
    try {
      const { statusCode, body } = await request(`${this.#base}${path}`, {
        method,
        headers: {
          accept: 'application/json',
          ...(token === undefined ? {} : { [tokenHeader]: token }),
          ...(value === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: value === undefined ? null : JSON.stringify(value),
        headersTimeout: TIMEOUT,
        bodyTimeout: TIMEOUT,
      })
      return { status: statusCode, body: jsonFrom(await body.text()) }
    } catch (cause) {
      throw new Failure(`Kong's Admin API cannot be reached: ${(cause as Error).message}`, 3, { cause })
    }
  }
}

/** Kong repeats the value that is taken, and a key is a value. */
function withoutValues(code: unknown, message: unknown): string {
  if (code === DUPLICATE) return 'something with that name, or that key, is there already'
  return typeof message === 'string' ? message : ''
}

/** `field: problem`, each. A value that Kong repeats is left out: it may be a webhook. */
function problems(fields: unknown, path = ''): string[] {
  if (typeof fields !== 'object' || fields === null)
    return [`${path}: ${String(fields).replace(/^(invalid value): .*$/s, '$1')}`]
  return Object.entries(fields).flatMap(([name, value]) =>
    // Of the entity as a whole, in a list.
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
