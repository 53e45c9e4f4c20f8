import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Answer } from '../../dev/gateway/admin-answers.ts'
import { AdminApi, type AdminRequest, bodyFrom, sendAnswer } from '../../dev/gateway/admin-api.ts'
import { type Entity, EntityStore, type StoreOptions } from '../../dev/gateway/entity-store.ts'
import { config } from '../../schema/config.ts'
import { AUTHENTICATORS } from '../../schema/kong/authenticators.ts'
import type { EntityName } from '../../schema/kong/entities.ts'
import { BUNDLED, type PluginDefinition } from '../../schema/kong/plugins.ts'
import { type HttpServer, httpServer } from './http-server.ts'

/** `before`: the write fails without being done; `after`: it is done, but the answer is lost. */
export type Fault = 'error before' | 'error after' | 'cut before' | 'cut after'

export interface SeenRequest extends AdminRequest {
  readonly headers: IncomingHttpHeaders
}

/** Plugins installed in the double: all that authenticate, those of Kong Enterprise too, and the plugins that `vk` knows. */
export const INSTALLED: Readonly<Record<string, PluginDefinition>> = {
  ...Object.fromEntries(
    AUTHENTICATORS.map(({ name, priority }) => [
      name,
      { version: '3.9.1', priority, fields: {}, notOnConsumer: true as const },
    ]),
  ),
  ...BUNDLED,
  'basic-auth': {
    version: '3.9.1',
    priority: 1100,
    notOnConsumer: true,
    fields: { anonymous: { type: 'string' }, realm: { type: 'string', default: 'service' } },
  },
  'virtual-key': { version: '0.1.0', priority: 900, fields: config },
}

/** The Admin API alone, which records its requests and can fail. */
export class AdminApiDouble extends AdminApi {
  readonly requests: SeenRequest[] = []
  /** `GET /` answers 500 on some workers of Kong 3.9.1. */
  rootFails = false
  /** The fault of the nth write, counted from 1. */
  fault: (write: number, request: AdminRequest) => Fault | undefined = () => undefined
  readonly #store: EntityStore
  #writes = 0
  #server: HttpServer | undefined

  private constructor(store: EntityStore) {
    super(store, 'kong-double')
    this.#store = store
  }

  static async start(options: Partial<StoreOptions> = {}): Promise<AdminApiDouble> {
    const double = new AdminApiDouble(new EntityStore({ plugins: INSTALLED, ...options }))
    double.#server = await httpServer((request, body, response) => double.#serve(request, body, response))
    return double
  }

  get url(): string {
    return this.#server?.url ?? ''
  }

  /** The current entities of Kong. */
  entities(name: EntityName): Entity[] {
    return this.#store.all(name)
  }

  /** Counts writes from 1 again. */
  resetWrites(): void {
    this.#writes = 0
  }

  async stop(): Promise<void> {
    await this.#server?.close()
  }

  #serve({ method = '', url = '', headers }: IncomingMessage, bytes: Buffer, response: ServerResponse): void {
    const request = { method, path: url, headers, body: bodyFrom(bytes) }
    this.requests.push(request)
    const fault = method === 'GET' ? undefined : this.fault(++this.#writes, request)
    if (fault === 'cut before') return void response.socket?.destroy()
    const fails = fault === 'error before' || (this.rootFails && url === '/')
    const answer = fails ? FAILED : this.answer(request)
    if (fault === 'cut after') return void response.socket?.destroy()
    sendAnswer(response, fault === 'error after' ? FAILED : answer)
  }
}

const FAILED: Answer = { status: 500, body: { message: 'An unexpected error occurred' } }
