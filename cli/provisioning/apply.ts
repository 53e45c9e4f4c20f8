import { Failure } from '../failure.ts'
import { json } from '../output/text.ts'
import type { AdminApi } from './admin-api.ts'
import { AdminError, NotKong } from './admin-api.ts'
import { path } from './admin-path.ts'
import type { Credential, Plugin } from './kong-state.ts'
import { checkConsumer } from './kong-state.ts'
import { type Change, type Operation, type Scope, scopeText } from './plan.ts'

/** What changes of the registry need. */
export interface RegistryWrites {
  migrate(): Promise<void>
  write(id: string, settings: (Operation & { kind: 'write record' })['settings']): Promise<void>
  remove(id: string): Promise<void>
}

export interface Clients {
  /** Absent if no change concerns Kong. */
  readonly api?: AdminApi
  readonly registry?: RegistryWrites
  /** The key of a credential to create. */
  readonly secret: string
}

/** The result of a change. `unknown`: no answer came, so it may have been made or not. */
export type State = 'done' | 'failed' | 'unknown' | 'not done'

export interface Applied {
  /** One for each change, in their order. */
  readonly states: readonly State[]
  readonly error?: Error
  /** Whether Kong runs without a database, so that the other changes have to be written into its kong.yml. */
  readonly dbless: boolean
}

/** Makes the changes, in order, up to the first that fails. The same command, run again, plans the changes that are left. */
export async function apply(changes: readonly Change[], clients: Clients): Promise<Applied> {
  const states: State[] = changes.map(() => 'not done')
  const run = new Run(clients)
  for (const [i, change] of changes.entries()) {
    try {
      await run.make(change.operation)
    } catch (error) {
      const dbless = error instanceof AdminError && error.dbless
      if (!dbless) states[i] = refused(error) ? 'failed' : 'unknown'
      return { states, error: error as Error, dbless }
    }
    states[i] = 'done'
  }
  return { states, dbless: false }
}

/** Whether the change was certainly not made: Kong has refused it, or what answered is not Kong. */
function refused(error: unknown): boolean {
  if (error instanceof AdminError) return error.status < 500
  return error instanceof NotKong || (error instanceof Failure && error.exitCode !== 3)
}

/**
 * For requests that can safely be repeated: they are sent again if no answer came, or a 500. A rotation needs this: if only the answer to
 * its last request is lost, running the command again would be another rotation.
 */
function twice<T>(send: () => Promise<T>): Promise<T> {
  return send().catch((error: unknown) => {
    if (refused(error)) throw error
    return send()
  })
}

class Run {
  readonly #clients: Clients
  #created: string | undefined

  constructor(clients: Clients) {
    this.#clients = clients
  }

  async make(operation: Operation): Promise<unknown> {
    switch (operation.kind) {
      case 'migrate':
        return this.#registry.migrate()
      case 'write record':
        return this.#registry.write(operation.id, operation.settings)
      case 'remove record':
        return this.#registry.remove(operation.id)
      case 'create consumer': {
        // Kong reads a UUID in the path as an id, so the body contains the name too.
        const { name: username, tags } = operation
        return twice(async () =>
          checkConsumer(
            await this.#api.send('PUT', path`/consumers/${username}`, { username, tags }),
            username,
          ),
        )
      }
      case 'delete consumer':
        return twice(() => this.#api.delete(path`/consumers/${operation.id}`))
      case 'create credential':
        return this.#createCredential(operation)
      case 'change credential': {
        const at = path`/consumers/${operation.consumer}/key-auth/${operation.id ?? this.#created ?? ''}`
        return twice(() => this.#api.send('PATCH', at, operation.values))
      }
      case 'delete credential':
        return twice(() => this.#api.delete(path`/consumers/${operation.consumer}/key-auth/${operation.id}`))
      case 'create plugin': {
        const { scope, name, config, tags } = operation
        checkPlugin(scope, name, await this.#api.send('POST', pluginsPath(scope), { name, config, tags }))
        return
      }
      case 'change plugin':
        return twice(() => this.#api.send('PATCH', path`/plugins/${operation.id}`, operation.values))
      case 'delete plugin':
        return twice(() => this.#api.delete(path`/plugins/${operation.id}`))
    }
  }

  /**
   * A request whose answer was lost is sent again, because the key is known: if Kong then says that the key is taken, the first request
   * has succeeded.
   */
  async #createCredential(operation: Operation & { kind: 'create credential' }): Promise<void> {
    const { consumer, tags, ttl } = operation
    const at = path`/consumers/${consumer}/key-auth`
    const value = { key: this.#clients.secret, tags, ...(ttl === undefined ? {} : { ttl }) }
    const create = () => this.#api.send<Credential>('POST', at, value)
    try {
      const { id } = await twice(create)
      this.#created = id
    } catch (error) {
      if (!(error instanceof AdminError && error.duplicate)) throw error
      // The key is not put into the path, because paths are logged.
      const own = await this.#api.all<Credential>(at)
      const same = own.find(({ key }) => key === this.#clients.secret)
      if (same === undefined) throw new Failure('another consumer has this key already', 1, { cause: error })
      this.#created = same.id
    }
  }

  get #api(): AdminApi {
    const { api } = this.#clients
    if (api === undefined) throw new Error('a change of Kong was planned without an Admin API')
    return api
  }

  get #registry(): RegistryWrites {
    const { registry } = this.#clients
    if (registry === undefined) throw new Error('a change of the registry was planned without Redis')
    return registry
  }
}

function pluginsPath(scope: Scope): string {
  return scope.kind === 'global' ? '/plugins' : path`/${`${scope.kind}s`}/${scope.id ?? scope.name}/plugins`
}

/** @throws Failure if Kong has created it in another scope: a plugin without a scope applies to all requests */
function checkPlugin(scope: Scope, name: string, made: Plugin): void {
  const bound = (['consumer', 'route', 'service'] as const).filter((kind) => made[kind] != null)
  const wanted = scope.kind === 'global' ? [] : [scope.kind]
  if (made.name === name && bound.join() === wanted.join()) return
  throw new Failure(
    `Kong has made ${json(made.name)} of ${bound.join(' and ') || 'all requests'} where ${name} of ${scopeText(scope)} was asked for: look at plugin ${json(made.id)}`,
  )
}
