import type { Shape, Shapes } from '../fields.ts'

/** A plugin as Kong knows it once it is installed. */
export interface PluginDefinition {
  readonly version: string
  /** Kong runs plugins with a higher one earlier. */
  readonly priority: number
  /** Fields of its `config`. */
  readonly fields: Shapes
  /** Kong refuses it on a consumer, because it runs before the consumer is known. */
  readonly notOnConsumer?: true
  /** Fields of `config`, at least one of which has to be set. */
  readonly atLeastOneOf?: readonly string[]
}

const text = { type: 'string' } as const
const flag = (value: boolean): Shape => ({ type: 'boolean', required: true, default: value })
const limit: Shape = { type: 'number', gt: 0 }
const functions: Shape = { type: 'array', required: true, default: [], elements: text }

/**
 * The Redis in which a bundled plugin keeps its counters, with the same names as in virtual-key.
 * Source: Kong 3.9, kong/tools/redis/schema.lua.
 */
export const REDIS = {
  host: text,
  port: { type: 'integer', default: 6379, between: [0, 65_535] },
  timeout: { type: 'integer', default: 2000, between: [0, 2_147_483_646] },
  username: { ...text, referenceable: true },
  password: { ...text, referenceable: true, encrypted: true, len_min: 0 },
  database: { type: 'integer', default: 0 },
  ssl: { type: 'boolean', default: false },
  ssl_verify: { type: 'boolean', default: false },
  server_name: text,
} as const satisfies Shapes

/** The plugins of Kong that are used beside virtual-key. Source: Kong 3.9, kong/plugins/<name>/schema.lua and handler.lua. */
export const BUNDLED = {
  'key-auth': {
    version: '3.9.1',
    priority: 1250,
    notOnConsumer: true,
    fields: {
      key_names: {
        type: 'array',
        required: true,
        elements: { type: 'string', match: '^[a-zA-Z0-9-_]+$' },
        default: ['apikey'],
      },
      hide_credentials: flag(false),
      anonymous: text,
      key_in_header: flag(true),
      key_in_query: flag(true),
      key_in_body: flag(false),
      run_on_preflight: flag(true),
      realm: text,
    },
  },
  'rate-limiting': {
    version: '3.9.1',
    priority: 910,
    fields: {
      second: limit,
      minute: limit,
      hour: limit,
      day: limit,
      month: limit,
      year: limit,
      limit_by: {
        type: 'string',
        default: 'consumer',
        one_of: ['consumer', 'credential', 'ip', 'service', 'header', 'path'],
      },
      header_name: text,
      path: { type: 'string', match: '^/', err: 'should start with: /' },
      policy: { type: 'string', default: 'local', one_of: ['local', 'cluster', 'redis'] },
      fault_tolerant: flag(true),
      hide_client_headers: flag(false),
      error_code: { type: 'number', default: 429, gt: 0 },
      error_message: { type: 'string', default: 'API rate limit exceeded' },
      sync_rate: { type: 'number', required: true, default: -1 },
      redis: { type: 'record', required: true, fields: REDIS },
    },
    atLeastOneOf: ['second', 'minute', 'hour', 'day', 'month', 'year'],
  },
  'post-function': {
    version: '3.9.1',
    priority: -1000,
    fields: {
      certificate: functions,
      rewrite: functions,
      access: functions,
      header_filter: functions,
      body_filter: functions,
      log: functions,
    },
    notOnConsumer: true,
    atLeastOneOf: ['certificate', 'rewrite', 'access', 'header_filter', 'body_filter', 'log'],
  },
} as const satisfies Readonly<Record<string, PluginDefinition>>
