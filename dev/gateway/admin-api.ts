import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { kongFields } from '../../schema/fields.ts'
import {
  DEFINITIONS,
  ENTITY_NAMES,
  type EntityName,
  PARENTS,
  type Parent,
} from '../../schema/kong/entities.ts'
import { newestVersion } from '../../schema/kong/releases.ts'
import { portOf } from '../listen.ts'
import { type Answer, notFound, Refused, unsupported } from './admin-answers.ts'
import { whole } from './body.ts'
import { checkTtl, type Entity, type EntityStore, UUID } from './entity-store.ts'
import { isValues, type Values } from './validation.ts'

export interface AdminRequest {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly body: unknown
}

/** Where the nested collections stand, by the path of what they belong to. */
const NESTED: Readonly<
  Record<string, { readonly parent: Parent; readonly of: Readonly<Record<string, EntityName>> }>
> = {
  services: { parent: 'service', of: { routes: 'routes', plugins: 'plugins' } },
  routes: { parent: 'route', of: { plugins: 'plugins' } },
  consumers: { parent: 'consumer', of: { plugins: 'plugins', 'key-auth': 'keyauth_credentials' } },
}
const COLLECTIONS = new Map(ENTITY_NAMES.map((name) => [DEFINITIONS[name].path, name]))

/** A double of Kong's Admin API over a store of entities. What it answers is what was recorded from Kong 3.9.1. */
export class AdminApi {
  /** `off`: a node without a database, whose entities nobody can change. */
  database: 'postgres' | 'off' = 'postgres'
  /** The machine's name, as in `GET /`. */
  hostname: string | undefined
  version = newestVersion()
  readonly #store: EntityStore

  constructor(store: EntityStore, hostname?: string) {
    this.#store = store
    this.hostname = hostname
  }

  answer({ method, path, body }: AdminRequest): Answer {
    try {
      if (body === UNREADABLE) throw new Refused(400, { message: 'Cannot parse JSON body' })
      const { pathname, searchParams } = new URL(path, 'http://kong')
      const parts = pathname.split('/').slice(1).map(decodeURIComponent)
      const information = method === 'GET' ? this.#information(parts) : undefined
      return information ?? this.#entity(method, parts, searchParams, isValues(body) ? body : {})
    } catch (error) {
      if (error instanceof Refused) return error.answer
      throw error
    }
  }

  #information([first, second, third = '']: readonly string[]): Answer | undefined {
    if (first === '') {
      const available_on_server = Object.fromEntries(
        Object.entries(this.#store.plugins).map(([name, { version, priority }]) => [
          name,
          { version, priority },
        ]),
      )
      const { hostname, version, database } = this
      const plugins = { available_on_server }
      return { status: 200, body: { version, hostname, plugins, configuration: { database } } }
    }
    if (first === 'status') return { status: 200, body: { database: { reachable: true } } }
    if (first !== 'schemas' || second !== 'plugins') return undefined
    const plugin = this.#store.plugins[third]
    if (plugin === undefined) throw new Refused(404, { message: `No plugin named '${third}'` })
    const config = { fields: kongFields(plugin.fields), type: 'record', required: true }
    return { status: 200, body: { fields: [{ config }], entity_checks: [] } }
  }

  #entity(method: string, parts: readonly string[], query: URLSearchParams, given: Values): Answer {
    const [first = '', second, third, fourth] = parts
    const nest = third === undefined ? undefined : NESTED[first]
    const name = third === undefined ? COLLECTIONS.get(first) : nest?.of[third]
    if (name === undefined) throw notFound()
    if (method !== 'GET' && this.database === 'off') {
      const named = nest === undefined && second !== undefined && !UUID.test(second)
      throw unsupported(method, name, named ? DEFINITIONS[name].name : undefined)
    }
    const parent = nest && this.#store.find(PARENTS[nest.parent], second ?? '')
    if (nest && parent === undefined) throw notFound()
    const scope = nest && parent ? { [nest.parent]: { id: parent.id } } : {}
    const key = nest ? fourth : second
    if (name === 'keyauth_credentials') checkTtl(given.ttl)
    if (key === undefined || key === '') {
      if (method === 'POST') return { status: 201, body: this.#store.create(name, { ...given, ...scope }) }
      return { status: 200, body: page(this.#store.all(name), scope, parts, query) }
    }
    if (method === 'PUT') return { status: 200, body: this.#store.upsert(name, key, { ...given, ...scope }) }
    const found = this.#store.find(name, key)
    if (found === undefined || !isIn(found, scope)) {
      if (method === 'DELETE' && nest === undefined) return { status: 204 }
      throw notFound()
    }
    if (method === 'PATCH') return { status: 200, body: this.#store.update(name, found, given) }
    if (method !== 'DELETE') return { status: 200, body: found }
    this.#store.delete(found.id)
    return { status: 204 }
  }
}

const UNREADABLE = Symbol('no JSON')

/** A request's body as `AdminApi.answer` takes it. */
export function bodyFrom(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return UNREADABLE
  }
}

export function sendAnswer(response: ServerResponse, { status, body }: Answer): void {
  if (body === undefined) return void response.writeHead(status).end()
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
}

export interface AdminServer {
  readonly url: string
  close(): Promise<void>
}

/** Serves it on loopback. @param port 0: a free one  @throws Error where nothing can listen there */
export async function serveAdminApi(api: AdminApi, port: number): Promise<AdminServer> {
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '' } = request
    sendAnswer(response, api.answer({ method, path: url, body: bodyFrom(await whole(request)) }))
  }
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${portOf(server)}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

function isIn(entity: Entity, scope: Values): boolean {
  return Object.entries(scope).every(
    ([name, wanted]) => JSON.stringify(entity[name]) === JSON.stringify(wanted),
  )
}

/** Lists come in the order of ids; the next page starts after the last id, which is what an offset holds. */
function page(
  all: readonly Entity[],
  scope: Values,
  parts: readonly string[],
  query: URLSearchParams,
): unknown {
  const size = Number(query.get('size') ?? 100)
  if (!(Number.isInteger(size) && size >= 1 && size <= 1000)) {
    const message = 'size must be an integer between 1 and 1000'
    throw new Refused(400, { code: 9, name: 'invalid size', message })
  }
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
