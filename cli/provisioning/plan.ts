import { UNSAFE } from '../../plugins/virtual-key/telemetry/safe-text.ts'
import type { KeyChanges } from '../options/key-options.ts'
import type { Credential, PluginConfig } from './kong-state.ts'

/** The scope of a plugin. */
export type Scope =
  /** `id`: Kong's id, if known. */
  | { readonly kind: 'consumer' | 'route' | 'service'; readonly name: string; readonly id?: string }
  | { readonly kind: 'global' }

/** One change as data, so that a plan can be shown, or printed as lines of a kong.yml, without executing it. */
export type Operation =
  | { readonly kind: 'migrate' }
  | { readonly kind: 'write record'; readonly id: string; readonly settings: KeyChanges }
  | { readonly kind: 'remove record'; readonly id: string }
  | { readonly kind: 'create consumer'; readonly name: string; readonly tags: readonly string[] }
  | { readonly kind: 'delete consumer'; readonly name: string; readonly id: string }
  /** Without the secret, which is never part of a plan. `ttl`: seconds. */
  | {
      readonly kind: 'create credential'
      readonly consumer: string
      readonly tags: readonly string[]
      readonly ttl?: number
    }
  /** Without an id it means the credential that this plan creates. */
  | {
      readonly kind: 'change credential'
      readonly consumer: string
      readonly id?: string
      readonly values: Partial<Pick<Credential, 'tags' | 'ttl'>>
    }
  | { readonly kind: 'delete credential'; readonly consumer: string; readonly id: string }
  | {
      readonly kind: 'create plugin'
      readonly scope: Scope
      readonly name: string
      readonly config: PluginConfig
      readonly tags: readonly string[]
    }
  | {
      readonly kind: 'change plugin'
      readonly scope: Scope
      readonly name: string
      readonly id: string
      readonly values: { readonly enabled?: boolean; readonly config?: PluginConfig }
    }
  | { readonly kind: 'delete plugin'; readonly scope: Scope; readonly name: string; readonly id: string }

/** A field that gets another value. Values are in the form for people, without secrets. */
export interface FieldChange {
  readonly field: string
  readonly from?: unknown
  readonly to?: unknown
}

export interface Change {
  readonly action: 'create' | 'update' | 'delete'
  /** Such as `consumer vk-abc`. */
  readonly what: string
  readonly fields: readonly FieldChange[]
  /** A remark, such as `for 90d`. */
  readonly remark?: string
  readonly operation: Operation
}

/** The ordered changes from what exists to what is wanted. Without `changes` everything exists already. */
export interface Plan {
  readonly changes: readonly Change[]
  /** What exists already and stays. */
  readonly kept: readonly string[]
  /** Notes for the operator. */
  readonly notes: readonly string[]
}

const UNSAFE_RUN = new RegExp(`[${UNSAFE}]+`, 'gu')
const SIGNS = { create: '+', update: '~', delete: '-' } as const

/** One line for people: `~ plugin virtual-key of consumer vk-abc: config.alert_threshold 100 → 200`. */
export function lineOf({ action, what, fields, remark }: Change): string {
  const values = fields.map(({ field, from, to }) =>
    from === undefined ? `${field} ${text(to)}` : `${field} ${text(from)} → ${text(to)}`,
  )
  const about = [...(remark === undefined ? [] : [remark]), ...values]
  return `${SIGNS[action]} ${what}${about.length === 0 ? '' : `: ${about.join(', ')}`}`
}

/** Removes control characters, which a terminal would obey: names come from everybody who may write to Kong. */
export function oneLine(text: string): string {
  return text.replace(UNSAFE_RUN, ' ')
}

/** `consumer vk-abc`, or `all requests`. */
export function scopeText(scope: Scope): string {
  return scope.kind === 'global' ? 'all requests' : `${scope.kind} ${scope.name}`
}

function text(value: unknown): string {
  return value === undefined || value === null
    ? 'unset'
    : typeof value === 'string'
      ? value
      : JSON.stringify(value)
}

/** Joins plans, in order. */
export function joined(...plans: ReadonlyArray<Plan | false | undefined>): Plan {
  const all = plans.filter((one): one is Plan => one !== undefined && one !== false)
  return {
    changes: all.flatMap(({ changes }) => changes),
    kept: all.flatMap(({ kept }) => kept),
    notes: all.flatMap(({ notes }) => notes),
  }
}
