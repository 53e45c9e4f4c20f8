import type * as kong from '../../schema/kong/entities.ts'
import type { Scope } from '../../schema/kong/precedence.ts'
import type { EntityStore } from './entity-store.ts'
import type { Values } from './validation.ts'

/** An entity as Kong hands it to plugins: unset fields are left out, times are seconds. */
type Handed<E> = {
  readonly [F in keyof E as null extends E[F] ? never : F]: E[F]
} & {
  readonly [F in keyof E as null extends E[F] ? F : never]?: Exclude<E[F], null>
}
export type Service = Handed<kong.Service>
export type Route = Handed<kong.Route>
export type Consumer = Handed<kong.Consumer>
export type Credential = Handed<Omit<kong.Credential, 'ttl'>>

export interface PluginConfiguration {
  readonly id: string
  readonly name: string
  readonly scope: Scope
  /** with defaults, without nulls */
  readonly config: Values
}

export interface Caller {
  readonly consumer: Consumer
  readonly credential: Credential
}

/** Kong's id of the only workspace that there is. */
export const WORKSPACE_ID = '0dc6f45b-8f8d-40d2-a504-473544ee190b'

export function handed<T>(store: EntityStore, name: kong.EntityName, inWorkspace: boolean): T[] {
  return [...store.stored(name)].map((one) => {
    const set = Object.entries(one).filter(([, value]) => value !== null)
    return { ...Object.fromEntries(set), ...(inWorkspace ? { ws_id: WORKSPACE_ID } : {}) } as T
  })
}
