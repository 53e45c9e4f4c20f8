import { randomBytes, randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { isValues, type Values } from '../../dev/gateway/schema-defaults.ts'
import { type Answer, notFound, Refused, unsupported } from './admin-answers.ts'
import { type Collection, ENTITY_FIELDS, INSTALLED, type InstalledPlugin } from './admin-fields.ts'
import { AdminStore, checkTtl, type Entity, type Randomness, UUID } from './admin-store.ts'
import { type HttpServer, httpServer } from './http-server.ts'

/** `before`: it was not done; `after`: it was, and nobody hears of it. */
export type Fault = 'error before' | 'error after' | 'cut before' | 'cut after'

export interface AdminApiOptions extends Partial<Randomness> {
  readonly plugins?: Readonly<Record<string, InstalledPlugin>>
}

export interface AdminRequest {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
}

const SECTIONS = ['services', 'routes', 'consumers'] as const
const OWNED: Readonly<Record<string, readonly string[]>> = {
  services: ['routes', 'plugins'],
  routes: ['plugins'],
  consumers: ['plugins', 'key-auth'],
}

/** A double of Kong's Admin API: real HTTP, entities in memory, answers as recorded from Kong 3.9.1. */
export class AdminApiDouble {
  readonly requests: AdminRequest[] = []
  /** `off`: a DB-less node, whose entities are what was written before. */
  database: 'postgres' | 'off' = 'postgres'
  /** The machine's name, as in `GET /`. */
  hostname: string | undefined = 'kong-double'
  version = '3.9.3'
  /** `GET /` answers 500 on some workers of Kong 3.9.1. */
  rootFails = false
  /** What becomes of the nth write, counted from 1. */
  fault: (write: number, request: AdminRequest) => Fault | undefined = () => undefined
  readonly #plugins: Readonly<Record<string, InstalledPlugin>>
  readonly #store: AdminStore
  #writes = 0
  #server: HttpServer | undefined

  private constructor({
    plugins = INSTALLED,
    clock = Date.now,
    id = randomUUID,
    key = () => randomBytes(24).toString('base64url'),
  }: AdminApiOptions) {
    this.#plugins = plugins
    this.#store = new AdminStore(plugins, { clock, id, key })
  }

  static async start(options: AdminApiOptions = {}): Promise<AdminApiDouble> {
    const double = new AdminApiDouble(options)
    double.#server = await httpServer((request, body, response) => double.#serve(request, body, response))
    return double
  }

  get url(): string {
    return this.#server?.url ?? ''
  }

  /** What Kong holds now. */
  entities(collection: Collection): Entity[] {
    return this.#store.all(collection)
  }

  /** Counts writes from 1 again. */
  resetWrites(): void {
    this.#writes = 0
  }

  async stop(): Promise<void> {
    await this.#server?.close()
  }

  #serve({ method = '', url = '', headers }: IncomingMessage, bytes: Buffer, response: ServerResponse): void {
    const body = parsed(bytes)
    const request = { method, path: url, headers, body }
    this.requests.push(request)
    const fault = method === 'GET' ? undefined : this.fault(++this.#writes, request)
    if (fault === 'cut before') return void response.socket?.destroy()
    const answer = fault === 'error before' ? FAILED : this.#answer(request)
    if (fault === 'cut after') return void response.socket?.destroy()
    send(response, fault === 'error after' ? FAILED : answer)
  }

  #answer(request: AdminRequest): Answer {
    try {
      if (request.body === UNREADABLE) throw new Refused(400, { message: 'Cannot parse JSON body' })
      const { pathname, searchParams } = new URL(request.path, 'http://kong')
      const parts = pathname.split('/').slice(1).map(decodeURIComponent)
      const information = request.method === 'GET' ? this.#information(parts) : undefined
      return information ?? this.#entity(request.method, parts, searchParams, asValues(request.body))
    } catch (error) {
      if (error instanceof Refused) return error.answer
      throw error
    }
  }

  #information([first, second, third = '']: readonly string[]): Answer | undefined {
    if (first === '') {
      if (this.rootFails) return FAILED
      const available_on_server = Object.fromEntries(
        Object.entries(this.#plugins).map(([name, { version, priority }]) => [name, { version, priority }]),
      )
      const configuration = { database: this.database }
      const { hostname, version } = this
      return { status: 200, body: { version, hostname, plugins: { available_on_server }, configuration } }
    }
    if (first === 'status') return { status: 200, body: { database: { reachable: true } } }
    if (first !== 'schemas' || second !== 'plugins') return undefined
    const fields = this.#plugins[third]?.fields
    if (fields === undefined) throw new Refused(404, { message: `No plugin named '${third}'` })
    return {
      status: 200,
      body: { fields: [{ config: { fields, type: 'record', required: true } }], entity_checks: [] },
    }
  }

  #entity(method: string, parts: readonly string[], query: URLSearchParams, given: Values): Answer {
    const [first = '', second, third, fourth] = parts
    const owner = SECTIONS.find((section) => section === first)
    const nested = third !== undefined && owner !== undefined && OWNED[owner]?.includes(third)
    const collection = (nested ? (third === 'key-auth' ? 'key-auths' : third) : first) as Collection
    if (!(collection in ENTITY_FIELDS) || (third !== undefined && !nested)) throw notFound()
    if (method !== 'GET' && this.database === 'off')
      throw unsupported(method, collection, !nested && second !== undefined && !UUID.test(second))
    const parent = nested && owner ? this.#store.find(owner, second ?? '') : undefined
    if (nested && parent === undefined) throw notFound()
    const scope = parent && owner ? { [owner.slice(0, -1)]: { id: parent.id } } : {}
    const key = nested ? fourth : second
    if (collection === 'key-auths') checkTtl(given.ttl)
    const values = collection === 'services' ? withUrl(given) : given
    if (key === undefined || key === '') {
      if (method === 'POST')
        return { status: 201, body: this.#store.create(collection, { ...values, ...scope }) }
      return { status: 200, body: page(this.#store.all(collection), scope, parts, query) }
    }
    const found = this.#store.find(collection, key)
    const there = found !== undefined && isIn(found, scope) ? found : undefined
    if (method === 'PUT')
      return { status: 200, body: this.#store.upsert(collection, key, { ...values, ...scope }) }
    if (there === undefined) {
      if (method === 'DELETE' && !nested) return { status: 204 }
      throw notFound()
    }
    if (method === 'PATCH') return { status: 200, body: this.#store.update(collection, there, values) }
    if (method !== 'DELETE') return { status: 200, body: there }
    this.#store.delete(there.id)
    return { status: 204 }
  }
}

const FAILED: Answer = { status: 500, body: { message: 'An unexpected error occurred' } }
const UNREADABLE = Symbol('no JSON')

function parsed(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return UNREADABLE
  }
}

function asValues(body: unknown): Values {
  return isValues(body) ? body : {}
}

function isIn(entity: Entity, scope: Values): boolean {
  return Object.entries(scope).every(
    ([name, wanted]) => JSON.stringify(entity[name]) === JSON.stringify(wanted),
  )
}

/** `url` is shorthand for four fields. */
function withUrl({ url, ...values }: Values): Values {
  if (typeof url !== 'string') return values
  const { protocol, hostname, port, pathname } = new URL(url)
  const path = pathname === '/' ? null : pathname
  return { protocol: protocol.slice(0, -1), host: hostname, port: Number(port || 80), path, ...values }
}

/** Lists come in the order of ids; the next page starts after the last id, which is what an offset holds. */
function page(
  all: readonly Entity[],
  scope: Values,
  parts: readonly string[],
  query: URLSearchParams,
): unknown {
  const size = Number(query.get('size') ?? 100)
  if (!(Number.isInteger(size) && size >= 1 && size <= 1000))
    throw new Refused(400, {
      code: 9,
      name: 'invalid size',
      message: 'size must be an integer between 1 and 1000',
    })
  const tags = query.get('tags')
  const wanted = tags?.split(/[,/]/) ?? []
  const matches = (one: Entity) => {
    const own = Array.isArray(one.tags) ? one.tags : []
    return tags?.includes('/')
      ? wanted.some((tag) => own.includes(tag))
      : wanted.every((tag) => own.includes(tag))
  }
  const offset = query.get('offset')
  const after = offset === null ? '' : JSON.parse(Buffer.from(offset, 'base64url').toString())[0]
  const rest = all.filter((one) => isIn(one, scope) && matches(one) && one.id > after)
  const data = rest.slice(0, size)
  const last = data.at(-1)
  if (rest.length <= size || last === undefined) return { data, next: null }
  const further = Buffer.from(JSON.stringify([last.id])).toString('base64url')
  const again = [`offset=${further}`, ...(tags === null ? [] : [`tags=${tags}`]), `size=${size}`]
  return { data, offset: further, next: `/${parts.map(encodeURIComponent).join('/')}?${again.join('&')}` }
}

function send(response: ServerResponse, { status, body }: Answer): void {
  if (body === undefined) return void response.writeHead(status).end()
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
}
