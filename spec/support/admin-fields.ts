import type { FieldEntry, FieldSchema } from '../../dev/gateway/plugin-info.ts'
import { config } from '../../schema/config.ts'
import { type Fields, kongFields } from '../../schema/fields.ts'
import { AUTHENTICATORS } from '../../schema/kong/authenticators.ts'

/** What the Admin API of Kong 3.9.1 has in its entities and, as far as a spec asks for them, in its plugins. */

const text: FieldSchema = { type: 'string' }
const set = (...values: string[]): FieldSchema => ({
  type: 'set',
  elements: text,
  ...(values.length > 0 ? { default: values } : {}),
})
const flag = (value: boolean): FieldSchema => ({ type: 'boolean', required: true, default: value })
const number = (value: number): FieldSchema => ({ type: 'integer', default: value })
const reference: FieldSchema = { type: 'map' }
const tags: FieldEntry = { tags: set() }

export type Collection = 'services' | 'routes' | 'consumers' | 'key-auths' | 'plugins'

export const ENTITY_FIELDS: Readonly<Record<Collection, readonly FieldEntry[]>> = {
  services: [
    { name: text, protocol: { ...text, default: 'http' }, host: { ...text, required: true }, path: text },
    { port: number(80), retries: number(5), enabled: flag(true), tls_verify: { type: 'boolean' } },
    { connect_timeout: number(60_000), read_timeout: number(60_000), write_timeout: number(60_000) },
    { tls_verify_depth: { type: 'integer' }, ca_certificates: set(), client_certificate: reference },
    tags,
  ],
  routes: [
    { name: text, service: reference, paths: set(), methods: set(), hosts: set(), snis: set() },
    { headers: { type: 'map' }, sources: set(), destinations: set(), protocols: set('http', 'https') },
    { strip_path: flag(true), preserve_host: flag(false), request_buffering: flag(true) },
    { response_buffering: flag(true), regex_priority: number(0), https_redirect_status_code: number(426) },
    { path_handling: { ...text, default: 'v0' } },
    tags,
  ],
  consumers: [{ username: text, custom_id: text }, tags],
  'key-auths': [{ key: text, consumer: reference }, tags],
  plugins: [
    { name: { ...text, required: true }, instance_name: text, enabled: flag(true), config: { type: 'map' } },
    { service: reference, route: reference, consumer: reference },
    { protocols: set('grpc', 'grpcs', 'http', 'https') },
    tags,
  ],
}

export interface InstalledPlugin {
  readonly version: string
  readonly priority: number
  readonly fields: readonly FieldEntry[]
  /** Config fields of which one must be there. */
  readonly oneOf?: readonly string[]
}

/** Source: Kong 3.9, kong/tools/redis/schema.lua. */
const REDIS: readonly FieldEntry[] = [
  { host: text, port: number(6379), timeout: number(2000), username: text, password: text },
  { database: number(0), ssl: flag(false), ssl_verify: flag(false), server_name: text },
]

const limit: FieldSchema = { type: 'number', gt: 0 }

/** Whatever else finds out who calls, of Kong Enterprise too; what is in its configuration matters to no spec. */
const OTHER_AUTHENTICATORS = Object.fromEntries(
  AUTHENTICATORS.map(({ name, priority }) => [name, { version: '3.9.1', priority, fields: [] }]),
)

export const INSTALLED: Readonly<Record<string, InstalledPlugin>> = {
  ...OTHER_AUTHENTICATORS,
  'key-auth': {
    version: '3.9.1',
    priority: 1250,
    fields: [
      { key_names: { ...set('apikey'), required: true }, realm: text, anonymous: text },
      { key_in_header: flag(true), key_in_query: flag(true), key_in_body: flag(false) },
      { run_on_preflight: flag(true), hide_credentials: flag(false) },
    ],
  },
  'basic-auth': {
    version: '3.9.1',
    priority: 1100,
    fields: [{ anonymous: text, realm: { ...text, default: 'service' }, hide_credentials: flag(false) }],
  },
  'rate-limiting': {
    version: '3.9.1',
    priority: 910,
    fields: [
      { second: limit, minute: limit, hour: limit, day: limit, month: limit, year: limit },
      { limit_by: { ...text, default: 'consumer' }, policy: { ...text, default: 'local' } },
      { fault_tolerant: flag(true), hide_client_headers: flag(false), error_code: number(429) },
      { error_message: { ...text, default: 'API rate limit exceeded' }, sync_rate: number(-1) },
      { redis: { type: 'record', required: true, fields: REDIS } },
    ],
    oneOf: ['second', 'minute', 'hour', 'day', 'month', 'year'],
  },
  'virtual-key': {
    version: '0.1.0',
    priority: 900,
    fields: kongFields(config as Fields) as unknown as readonly FieldEntry[],
  },
}
