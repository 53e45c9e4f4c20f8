import type { RegisteredKey } from '../../plugins/virtual-key/registry/key-record.ts'
import type { KeyField, KeySettings } from '../../schema/key.ts'
import type { KeySecret } from '../options/key-secret.ts'
import { shownSetting } from './config-changes.ts'
import { configPlan, type KeySurroundings } from './consumer-plugin-plan.ts'
import { credentialPlan } from './credential-plan.ts'
import { type ConsumerState, TAG } from './kong-state.ts'
import { joined, type Plan } from './plan.ts'
import { type RateCounter, rateLimitPlan } from './rate-limit-plan.ts'

/** What the registry contains. */
export interface RegistryState {
  /** Redis contains no key and no schema yet. */
  readonly fresh: boolean
  readonly record: RegisteredKey | undefined
}

export interface Wanted {
  readonly id: string
  readonly settings: KeySettings
  /** Seconds. */
  readonly ttl?: number
  readonly secret: KeySecret
}

/** What Kong contains; absent if no Admin API was named. */
export interface KongState extends KeySurroundings {
  readonly rateCounter: RateCounter
  /** Notes about the routes that the key is for. */
  readonly remarks: readonly string[]
}

/**
 * Plans a virtual key, from what exists to what is wanted. The credential comes last, so that a key has its limits as soon as it works.
 * @param registry if absent, settings go to a plugin of the consumer
 * @throws Failure for settings that cannot be stored there
 */
export function createPlan(
  wanted: Wanted,
  registry: RegistryState | undefined,
  kong: KongState | undefined,
): Plan {
  const { id, settings } = wanted
  return joined(
    registry && recordPlan(id, settings, registry),
    kong && consumerPlan(id, kong),
    kong && !registry && configPlan(id, settings, kong),
    kong && rateLimitPlan(id, settings.rate_limit, kong, kong.rateCounter),
    kong && credentialPlan(wanted, kong),
    kong && { changes: [], kept: [], notes: kong.remarks },
  )
}

function recordPlan(id: string, settings: KeySettings, { fresh, record }: RegistryState): Plan {
  const names = (Object.keys(settings) as KeyField[]).filter(
    (name) => JSON.stringify(record?.settings[name]) !== JSON.stringify(settings[name]),
  )
  const fields = names.map((field) => {
    const from = record?.settings[field]
    return {
      field,
      ...(from === undefined ? {} : { from: shownSetting(field, from) }),
      to: shownSetting(field, settings[field]),
    }
  })
  const what = `registry record ${id}`
  const named = Object.fromEntries(names.map((name) => [name, settings[name]]))
  const write = { what, fields, operation: { kind: 'write record', id, settings: named } } as const
  const schema = {
    action: 'update',
    what: 'Redis schema',
    fields: [],
    remark: 'it holds no key yet, so vk migrate runs first',
    operation: { kind: 'migrate' },
  } as const
  if (record !== undefined && names.length === 0) return { changes: [], kept: [what], notes: [] }
  const change = { action: record === undefined ? ('create' as const) : ('update' as const), ...write }
  return { changes: fresh ? [schema, change] : [change], kept: [], notes: [] }
}

/** The consumer itself. */
export function consumerPlan(id: string, { consumer }: Pick<ConsumerState, 'consumer'>): Plan {
  const what = `consumer ${id}`
  if (consumer !== undefined) return { changes: [], kept: [what], notes: [] }
  const operation = { kind: 'create consumer', name: id, tags: [TAG] } as const
  return { changes: [{ action: 'create', what, fields: [], operation }], kept: [], notes: [] }
}
