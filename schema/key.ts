import { config } from './config.ts'
import type { Fields, Values } from './fields.ts'

/** The end of the year 9999: RFC 3339 writes years with four digits. Unit: milliseconds since 1970. */
const LAST_MOMENT = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/**
 * What an operator may set for one virtual key, declared once: the registry's record in Redis, the options of `vk keys` and the
 * columns of an import are derived from it. A field that is set takes precedence over the configuration; an absent one does not change it.
 */
export const key = {
  disabled: { type: 'boolean', description: 'Requests get 403 `key disabled`.' },
  expires_at: {
    type: 'integer',
    between: [0, LAST_MOMENT],
    description: 'When the key expires, in milliseconds since 1970; then requests get 401 `key expired`.',
  },
  one_shot: {
    type: 'boolean',
    description: 'Good for one request; every other gets 401 `key already used`.',
  },
  used_at: {
    type: 'integer',
    between: [0, LAST_MOMENT],
    description: 'When a one-shot key was used, in milliseconds since 1970.',
  },
  scope: {
    type: 'string',
    one_of: ['all', 'read'],
    description: 'read = only GET and HEAD pass, others get 403 `insufficient scope`.',
  },
  token_budget: config.token_budget,
  window: config.window,
  alert_threshold: config.alert_threshold,
  alert_thresholds: config.alert_thresholds,
  alert_percents: config.alert_percents,
  alert_webhook: config.alert_webhook,
  service: {
    type: 'string',
    len_min: 1,
    description: 'Name of the Kong service that the key is for: `vk keys create` looks at its routes.',
  },
  target: { type: 'string', description: 'The upstream that the key was made for; for people.' },
  source: { type: 'string', description: 'Where the key comes from, or who asked for it; for people.' },
  rate_limit: {
    type: 'integer',
    between: [1, Number.MAX_SAFE_INTEGER],
    description: 'Requests a minute, kept by the bundled rate-limiting plugin of the consumer.',
  },
} as const satisfies Fields

/** Settings of one key. Fields that the operator has not set are absent. */
export type KeySettings = { readonly [N in KeyField]?: Exclude<Values<typeof key>[N], undefined> }

export type KeyField = keyof typeof key
