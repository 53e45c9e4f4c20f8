import type { Given, Shape, Shapes, Value } from '../fields.ts'

/**
 * Kong's entities, as far as virtual keys concern them, with the rules that need no other entity. Whoever reads, writes or imitates
 * them takes names, defaults and limits from here. Source: Kong 3.9, kong/db/schema/entities and kong/db/schema/typedefs.lua; what the
 * Admin API makes of them was recorded from Kong 3.9.1.
 */

/** What an entity can be bound to. */
export type Parent = 'service' | 'route' | 'consumer'

interface EntityDefinition {
  /** Its collection in the Admin API: `/key-auths`. */
  readonly path: string
  /** The field that names it, besides its id. */
  readonly name: string
  readonly fields: Shapes
  /** What it may be bound to; `true` means that it must be. */
  readonly references: { readonly [P in Parent]?: boolean }
  /** Groups of fields whose values no two entities may share; in a group of one field, null is no duplicate of null. */
  readonly unique: ReadonlyArray<readonly string[]>
}

const text = { type: 'string' } as const
const tags = { type: 'set', elements: text } as const
const texts = tags
/** Unit: milliseconds. */
const timeout = { type: 'integer', default: 60_000, between: [1, 2_147_483_646] } as const
const flag = <D extends boolean>(value: D) => ({ type: 'boolean', required: true, default: value }) as const
const protocols = <const P extends readonly string[]>(preset: P, ...all: readonly string[]) =>
  ({ type: 'set', elements: { type: 'string', one_of: all }, default: preset, len_min: 1 }) as const

export const ENTITIES = {
  services: {
    path: 'services',
    name: 'name',
    fields: {
      name: text,
      protocol: {
        type: 'string',
        default: 'http',
        one_of: ['grpc', 'grpcs', 'http', 'https', 'tcp', 'tls', 'tls_passthrough', 'udp'],
      },
      host: { type: 'string', required: true },
      port: { type: 'integer', required: true, default: 80, between: [0, 65_535] },
      path: { type: 'string', match: '^/', err: 'should start with: /' },
      retries: { type: 'integer', default: 5, between: [0, 32_767] },
      connect_timeout: timeout,
      write_timeout: timeout,
      read_timeout: timeout,
      enabled: flag(true),
      tls_verify: { type: 'boolean' },
      tls_verify_depth: { type: 'integer', between: [0, 64] },
      ca_certificates: texts,
      client_certificate: { type: 'map' },
      tags,
    },
    references: {},
    unique: [['name']],
  },
  routes: {
    path: 'routes',
    name: 'name',
    fields: {
      name: text,
      protocols: protocols(
        ['http', 'https'],
        'grpc',
        'grpcs',
        'http',
        'https',
        'tcp',
        'tls',
        'tls_passthrough',
        'udp',
      ),
      paths: {
        type: 'array',
        elements: {
          type: 'string',
          match: '^~?/',
          err: 'should start with: / (fixed path) or ~/ (regex path)',
        },
      },
      methods: { type: 'set', elements: { type: 'string', match: '^%u+$' } },
      hosts: texts,
      headers: { type: 'map' },
      snis: texts,
      sources: texts,
      destinations: texts,
      strip_path: flag(true),
      preserve_host: flag(false),
      request_buffering: flag(true),
      response_buffering: flag(true),
      regex_priority: { type: 'integer', default: 0 },
      https_redirect_status_code: {
        type: 'integer',
        required: true,
        default: 426,
        one_of: [426, 301, 302, 307, 308],
      },
      path_handling: { type: 'string', default: 'v0', one_of: ['v0', 'v1'] },
      tags,
    },
    references: { service: false },
    unique: [['name']],
  },
  consumers: {
    path: 'consumers',
    name: 'username',
    fields: { username: text, custom_id: text, tags },
    references: {},
    unique: [['username'], ['custom_id']],
  },
  /** Credentials of key-auth. Kong makes a random key if none is given. `ttl` is not a field: the Admin API shows the seconds left. */
  keyauth_credentials: {
    path: 'key-auths',
    name: 'key',
    fields: { key: text, tags },
    references: { consumer: true },
    unique: [['key']],
  },
  plugins: {
    path: 'plugins',
    name: 'instance_name',
    fields: {
      name: { type: 'string', required: true },
      instance_name: text,
      enabled: flag(true),
      config: { type: 'map' },
      protocols: protocols(
        ['grpc', 'grpcs', 'http', 'https'],
        'grpc',
        'grpcs',
        'http',
        'https',
        'tcp',
        'tls',
        'tls_passthrough',
        'udp',
      ),
      tags,
    },
    references: { service: false, route: false, consumer: false },
    unique: [['name', 'route', 'service', 'consumer'], ['instance_name']],
  },
} as const satisfies Readonly<Record<string, EntityDefinition>>

export type EntityName = keyof typeof ENTITIES
export const ENTITY_NAMES = Object.keys(ENTITIES) as EntityName[]

/** `ENTITIES`, for code that treats all of them in the same way. */
export const DEFINITIONS: Readonly<Record<EntityName, EntityDefinition>> = ENTITIES

/** The entities that others can be bound to, by the name of the reference. */
export const PARENTS = {
  service: 'services',
  route: 'routes',
  consumer: 'consumers',
} as const satisfies Record<Parent, EntityName>

export interface Reference {
  readonly id: string
}

/** An entity as the Admin API shows it: every field, null where it is unset. */
type Shown<N extends EntityName> = Reference & {
  readonly [F in keyof (typeof ENTITIES)[N]['fields']]: Given<(typeof ENTITIES)[N]['fields'][F]> extends true
    ? Value<(typeof ENTITIES)[N]['fields'][F]>
    : Value<(typeof ENTITIES)[N]['fields'][F]> | null
} & { readonly [P in keyof (typeof ENTITIES)[N]['references']]: Reference | null }

export type Service = Shown<'services'>
export type Route = Shown<'routes'>
export type Consumer = Shown<'consumers'>
export type Credential = Omit<Shown<'keyauth_credentials'>, 'key'> & {
  /** The secret: it is compared, never shown. */
  readonly key: string
  /** Seconds until it ends; null means never; absent if Kong has no database, where credentials do not end. */
  readonly ttl?: number | null
  /** Seconds since 1970. */
  readonly created_at: number
}
/** Values of `config` may be vault references. */
export type Plugin = Omit<Shown<'plugins'>, 'config'> & { readonly config: PluginConfig }
/** null: unset. */
export type PluginConfig = Readonly<Record<string, unknown>>

/** The fields of an entity and what it is bound to, as one list. */
export function fieldsOf(name: EntityName): Shapes {
  const { fields, references } = DEFINITIONS[name]
  const bound = Object.entries(references).map(([parent, required]): [string, Shape] => [
    parent,
    { type: 'map', ...(required ? { required } : {}) },
  ])
  return { ...fields, ...Object.fromEntries(bound) }
}

/** What is wrong with an entity as a whole, whatever its fields are. @param values with defaults */
export function entityProblems(name: EntityName, values: Readonly<Record<string, unknown>>): string[] {
  const unset = (field: string) => values[field] === undefined || values[field] === null
  if (name === 'consumers') {
    const fields = ['custom_id', 'username']
    return fields.every(unset) ? [atLeastOneOf(fields)] : []
  }
  if (name !== 'routes' || !Array.isArray(values.protocols)) return []
  const protocol = ['https', 'http'].find((one) => (values.protocols as string[]).includes(one))
  const fields = ['methods', 'hosts', 'headers', 'paths', ...(protocol === 'https' ? ['snis'] : [])]
  return protocol !== undefined && fields.every(unset)
    ? [`must set one of ${quoted(fields)} when 'protocols' is '${protocol}'`]
    : []
}

export function atLeastOneOf(fields: readonly string[]): string {
  return `at least one of these fields must be non-empty: ${quoted(fields)}`
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ')
}
