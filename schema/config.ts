import type { Fields, Values } from './fields.ts'

/** The largest integer that JavaScript, Lua and Redis all count exactly. */
const MOST_TOKENS = Number.MAX_SAFE_INTEGER

/**
 * The plugin's configuration, declared once: Kong's field list, the type `Config` and the table of docs/configuration.md come from here.
 * Names follow Kong's snake_case; those in `redis` are the ones of Kong's bundled plugins.
 */
export const config = {
  alert_threshold: {
    type: 'integer',
    default: 0,
    between: [0, MOST_TOKENS],
    description: 'Tokens at which an alert fires; 0 = no alert.',
  },
  alert_thresholds: {
    type: 'array',
    elements: { type: 'integer', between: [1, MOST_TOKENS] },
    description: 'Further thresholds, in tokens.',
  },
  alert_percents: {
    type: 'array',
    elements: { type: 'integer', between: [1, 100] },
    description: 'Further thresholds, in percent of `token_budget`.',
  },
  alert_webhook: {
    type: 'string',
    match: '^https?://',
    referenceable: true,
    description: 'Where alerts are sent; unset = crossings are only counted and logged.',
  },
  webhook: {
    type: 'record',
    required: true,
    description: 'How alerts are sent.',
    fields: {
      secrets: {
        type: 'array',
        elements: { type: 'string', referenceable: true, encrypted: true },
        description: 'Standard Webhooks signing secrets, `whsec_…`; several = rotation, each signs.',
      },
      timeout: {
        type: 'integer',
        default: 10_000,
        between: [100, 60_000],
        description: 'Milliseconds for one attempt: connecting, headers and body together.',
      },
      allow_private_networks: {
        type: 'boolean',
        default: false,
        description: 'Also send to private, loopback and link-local addresses.',
      },
      format: {
        type: 'string',
        default: 'json',
        one_of: ['json', 'slack'],
        description: 'What is sent: json = the alert; slack = a text for Slack, Mattermost or Discord.',
      },
    },
  },
  token_budget: {
    type: 'integer',
    default: 0,
    between: [0, MOST_TOKENS],
    description: 'Tokens a key may spend in one window; at or over it requests get 429. 0 = unlimited.',
  },
  window: {
    type: 'string',
    default: 'total',
    one_of: ['total', 'hour', 'day', 'week', 'month'],
    description: "When a key's total starts again at 0 (UTC; weeks start on Monday); total = never.",
  },
  identify_by: {
    type: 'string',
    default: 'consumer',
    one_of: ['consumer', 'credential', 'header'],
    description:
      "What a key id is: the consumer's username (else custom_id, else id), the credential's id, or the value of `header_name`.",
  },
  header_name: {
    type: 'string',
    default: 'x-virtual-key',
    len_min: 1,
    description: 'The request header that names the key when `identify_by` is header.',
  },
  require_key: {
    type: 'boolean',
    default: false,
    description: 'Answer 401 to requests without a key instead of proxying them uncounted.',
  },
  registry: {
    type: 'boolean',
    default: false,
    description:
      'Read settings of each key from Redis, where `vk keys` writes them; they win over these. With `require_key` unknown keys get 401.',
  },
  reserve: {
    type: 'boolean',
    default: false,
    description:
      'Reserve the most tokens that a request declares (`max_tokens` and the like) until its answer is counted, so that concurrent requests cannot exceed the budget together.',
  },
  reserve_default: {
    type: 'integer',
    default: 1000,
    between: [0, MOST_TOKENS],
    description: 'Tokens that `reserve` takes for a request that declares nothing.',
  },
  hide_client_headers: {
    type: 'boolean',
    default: false,
    description: 'Leave `X-Token-Limit`, `X-Token-Remaining` and `X-Token-Reset` out of answers.',
  },
  body: {
    type: 'string',
    default: 'buffered',
    one_of: ['buffered', 'tapped'],
    description:
      'How the response body is read: buffered = clients get it when it is whole; tapped = it streams, and `vk tap` prints what the route then needs.',
  },
  ask_for_usage: {
    type: 'boolean',
    default: false,
    description:
      'Ask for usage in streamed requests to OpenAI-style paths (…/completions) that do not: `stream_options.include_usage`.',
  },
  estimate: {
    type: 'boolean',
    default: true,
    description:
      'Estimate usage with a tokenizer where an LLM answer reports none, or the client hung up before it did.',
  },
  service: {
    type: 'string',
    len_min: 1,
    description: "The `service` of alerts; unset = the Kong service's name.",
  },
  fault_tolerant: {
    type: 'boolean',
    default: true,
    description:
      'While Redis is away, or answers with an error that may pass: true = proxy and settle later; false = answer 503.',
  },
  redis: {
    type: 'record',
    required: true,
    description: 'Where totals and alerts are kept.',
    fields: {
      host: { type: 'string', default: '127.0.0.1', description: 'Host name or address.' },
      port: { type: 'integer', default: 6379, between: [0, 65535], description: 'TCP port of the server.' },
      username: { type: 'string', referenceable: true, description: 'ACL user (Redis 6 and later).' },
      password: {
        type: 'string',
        referenceable: true,
        encrypted: true,
        description: 'Password of the user.',
      },
      database: {
        type: 'integer',
        default: 0,
        between: [0, 32_767],
        description: 'Database number; 0 on Redis Cluster.',
      },
      ssl: { type: 'boolean', default: false, description: 'Connect with TLS.' },
      ssl_verify: { type: 'boolean', default: false, description: "Verify the server's certificate." },
      server_name: { type: 'string', description: 'Server name for TLS (SNI), if not `host`.' },
      timeout: {
        type: 'integer',
        default: 2000,
        between: [1, 60_000],
        description: 'Milliseconds for connecting and for one command.',
      },
      cluster_nodes: {
        type: 'array',
        elements: {
          type: 'record',
          fields: {
            ip: {
              type: 'string',
              required: true,
              default: '127.0.0.1',
              description: 'Host name or address.',
            },
            port: {
              type: 'integer',
              default: 6379,
              between: [0, 65535],
              description: 'TCP port of the server.',
            },
          },
        },
        description: 'Nodes of a Redis Cluster to start from; replaces `host` and `port`.',
      },
      sentinel_master: {
        type: 'string',
        len_min: 1,
        description:
          'Name of the master that Redis Sentinel watches over; with `sentinel_nodes` it replaces `host` and `port`.',
      },
      sentinel_nodes: {
        type: 'array',
        elements: {
          type: 'record',
          fields: {
            host: {
              type: 'string',
              required: true,
              default: '127.0.0.1',
              description: 'Host name or address.',
            },
            port: {
              type: 'integer',
              default: 26379,
              between: [0, 65535],
              description: 'TCP port of the sentinel.',
            },
          },
        },
        description: 'Sentinels to ask for the master; with `ssl` they are asked over TLS too.',
      },
      sentinel_username: {
        type: 'string',
        referenceable: true,
        description: 'ACL user of the sentinels.',
      },
      sentinel_password: {
        type: 'string',
        referenceable: true,
        encrypted: true,
        description: 'Password of the sentinels.',
      },
    },
  },
} as const satisfies Fields

/** A configuration as an instance of the plugin gets it from Kong. */
export type Config = Values<typeof config>

/** Where Redis is and how to get in. */
export type RedisConfig = Config['redis']
