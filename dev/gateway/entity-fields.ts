import type { FieldEntry, FieldSchema } from './plugin-info.ts'

/** The attributes of Kong's entities that this gateway honours. What is missing here is refused by name when a file is read. */

export type EntityName = 'services' | 'routes' | 'consumers' | 'keyauth_credentials' | 'plugins'
export type Parent = 'service' | 'route' | 'consumer'

const text: FieldSchema = { type: 'string' }
const milliseconds: FieldSchema = { type: 'integer', default: 60_000, between: [1, 2_147_483_646] }
/** An attribute whose other values would need a feature nobody here uses. */
const only = (...values: unknown[]): FieldSchema => ({
  type: typeof values[0] as 'string' | 'boolean',
  default: values[0],
  one_of: values,
})
const setOf = (elements: FieldSchema, more: Partial<FieldSchema> = {}): FieldSchema => ({
  type: 'set',
  elements,
  ...more,
})
const uuid = '^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$'
const common: FieldEntry[] = [{ id: { type: 'string', match: uuid } }, { tags: setOf(text) }]

export const ATTRIBUTES: Record<EntityName, readonly FieldEntry[]> = {
  services: [
    ...common,
    { name: text },
    { url: { type: 'string', match: '^http://' } },
    { protocol: only('http') },
    { host: text },
    { port: { type: 'integer', default: 80, between: [0, 65_535] } },
    { path: { type: 'string', match: '^/' } },
    { connect_timeout: milliseconds },
    { write_timeout: milliseconds },
    { read_timeout: milliseconds },
    { retries: { type: 'integer', default: 5, between: [0, 32_767] } },
    { enabled: { type: 'boolean', default: true, one_of: [true] } },
  ],
  routes: [
    ...common,
    { name: text },
    {
      paths: setOf({
        type: 'string',
        match_any: {
          patterns: ['^/', '^~/'],
          err: 'should start with: / (fixed path) or ~/ (regex path)',
        },
      }),
    },
    { methods: setOf({ type: 'string', match: '^%u+$' }) },
    { hosts: setOf(text) },
    { protocols: setOf({ type: 'string', one_of: ['http', 'https'] }, { default: ['http', 'https'] }) },
    { strip_path: { type: 'boolean', default: true } },
    { preserve_host: { type: 'boolean', default: false } },
    { regex_priority: { type: 'integer', default: 0 } },
    { path_handling: only('v0') },
    { https_redirect_status_code: { type: 'integer', default: 426, one_of: [426] } },
    { request_buffering: only(true) },
    { response_buffering: only(true) },
  ],
  consumers: [...common, { username: text }, { custom_id: text }],
  keyauth_credentials: [...common, { key: { type: 'string', required: true } }],
  plugins: [
    ...common,
    { name: { type: 'string', required: true } },
    { instance_name: text },
    { enabled: { type: 'boolean', default: true } },
    { protocols: setOf({ type: 'string', one_of: ['grpc', 'grpcs', 'http', 'https'] }) },
    { config: { type: 'map', keys: text } },
  ],
}

/** Which collections may stand inside an entity, and as what the entity then is referenced. */
export const CHILDREN: Record<EntityName, { as?: Parent; may: readonly EntityName[] }> = {
  services: { as: 'service', may: ['routes', 'plugins'] },
  routes: { as: 'route', may: ['plugins'] },
  consumers: { as: 'consumer', may: ['keyauth_credentials', 'plugins'] },
  keyauth_credentials: { may: [] },
  plugins: { may: [] },
}

/** Which other entities an entity may name. */
export const REFERENCES: Record<EntityName, readonly Parent[]> = {
  services: [],
  routes: ['service'],
  consumers: [],
  keyauth_credentials: ['consumer'],
  plugins: ['service', 'route', 'consumer'],
}

/** What, besides its id, an entity is called by in a reference; also the part of its identity that its id is made of. */
export const KEYS: Record<Parent, { entity: EntityName; key: string }> = {
  service: { entity: 'services', key: 'name' },
  route: { entity: 'routes', key: 'name' },
  consumer: { entity: 'consumers', key: 'username' },
}
