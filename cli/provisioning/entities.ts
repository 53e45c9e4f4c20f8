/** Kong's entities, as far as `vk` reads them. Source: Kong 3.9, Admin API. */

interface Reference {
  readonly id: string
}

export interface Service {
  readonly id: string
  readonly name: string | null
}

export interface Route {
  readonly id: string
  readonly name: string | null
  readonly service: Reference | null
}

export interface Consumer {
  readonly id: string
  readonly username: string | null
  readonly custom_id?: string | null
  readonly tags: readonly string[] | null
}

/** A key-auth credential. `key` is the secret: it is compared, never shown. */
export interface Credential {
  readonly id: string
  readonly key: string
  readonly consumer: Reference | null
  readonly tags: readonly string[] | null
  /** Seconds until it ends; null: never; absent: Kong has no database and knows no end. */
  readonly ttl?: number | null
  /** Seconds since 1970. */
  readonly created_at: number
}

export interface Plugin {
  readonly id: string
  readonly name: string
  readonly enabled: boolean
  readonly config: PluginConfig
  readonly tags: readonly string[] | null
  readonly service: Reference | null
  readonly route: Reference | null
  readonly consumer: Reference | null
}

/** null: unset. Values may be vault references, `{vault://…}`. */
export type PluginConfig = Readonly<Record<string, unknown>>

/** On what `vk` has made: what lacks it is somebody else's. */
export const TAG = 'virtual-key'
/** On the new credential of a rotation until the old ones are told to end. */
export const ROTATING = 'virtual-key-rotating'

export function tagged({ tags }: { readonly tags: readonly string[] | null }, tag = TAG): boolean {
  return tags?.includes(tag) ?? false
}
