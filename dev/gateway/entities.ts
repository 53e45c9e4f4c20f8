import type { Scope } from './precedence.ts'
import type { Values } from './schema-defaults.ts'

/** Entities in the shape in which Kong hands them to a plugin: unset attributes are left out, times are seconds. */

export interface Service {
  readonly id: string
  readonly name?: string
  readonly protocol: 'http'
  readonly host: string
  readonly port: number
  readonly path?: string
  /** ms */
  readonly connect_timeout: number
  /** ms without a byte from the upstream */
  readonly read_timeout: number
}

export interface Route {
  readonly id: string
  readonly name?: string
  readonly paths?: readonly string[]
  readonly methods?: readonly string[]
  readonly hosts?: readonly string[]
  readonly strip_path: boolean
  readonly preserve_host: boolean
  readonly regex_priority: number
  readonly service?: { readonly id: string }
}

export interface Consumer {
  readonly id: string
  readonly username?: string
  readonly custom_id?: string
}

export interface Credential {
  readonly id: string
  readonly key: string
  readonly consumer: { readonly id: string }
}

export interface PluginConfiguration {
  readonly id: string
  readonly name: string
  readonly scope: Scope
  /** with defaults, without nulls */
  readonly config: Values
}

export interface Declaration {
  readonly services: ReadonlyMap<string, Service>
  readonly routes: readonly Route[]
  readonly consumers: ReadonlyMap<string, Consumer>
  /** by key */
  readonly credentials: ReadonlyMap<string, Credential>
  readonly plugins: readonly PluginConfiguration[]
}
