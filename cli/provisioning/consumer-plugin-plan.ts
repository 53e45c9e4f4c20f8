import { config } from '../../schema/config.ts'
import type { Fields } from '../../schema/fields.ts'
import type { KeyField, KeySettings } from '../../schema/key.ts'
import { Failure } from '../failure.ts'
import type { Applying } from './applying.ts'
import { configChanges, covers, shownConfig } from './config-changes.ts'
import { type ConsumerState, type PluginConfig, TAG } from './kong-state.ts'
import type { Plan, Scope } from './plan.ts'

/** What Kong contains for a key. */
export interface KeySurroundings extends ConsumerState {
  /** The configurations that apply to the key's requests, on the service for which it is. */
  readonly applying: readonly Applying[]
  /** The service's name, if one was given. */
  readonly service: string | undefined
}

/** Fields for people, which only the registry stores. */
const FOR_PEOPLE: readonly KeyField[] = ['service', 'target', 'source']

/**
 * Plans the settings of a key as the configuration of its consumer. In Kong it replaces the route's as a whole, so it starts as a copy.
 * @throws Failure for settings that only the registry can store, and if there is not exactly one configuration to copy
 */
export function configPlan(
  id: string,
  settings: KeySettings,
  { plugins, applying, service }: KeySurroundings,
): Plan {
  const own = ownConfig(settings)
  const dropped = FOR_PEOPLE.filter((name) => name !== 'service' && name in settings)
  const notes = dropped.map((name) => `${name} is kept in the registry alone: left out`)
  if (Object.keys(own).length === 0) return { changes: [], kept: [], notes }
  const scope: Scope = { kind: 'consumer', name: id }
  const there = plugins.find(({ name }) => name === 'virtual-key')
  if (there !== undefined) {
    const { changes, kept } = configChanges(scope, there, own)
    return { changes, kept, notes }
  }
  const base = single(applying, service)
  const copied = base && `configuration of ${base.where} copied`
  return {
    changes: [
      {
        action: 'create',
        what: `plugin virtual-key of consumer ${id}`,
        fields: Object.entries(own).map(([name, value]) => ({
          field: `config.${name}`,
          to: shownConfig(name, value),
        })),
        ...(copied === undefined ? {} : { remark: copied }),
        operation: {
          kind: 'create plugin',
          scope,
          name: 'virtual-key',
          config: { ...(base ? said(base.config) : {}), ...own },
          tags: [TAG],
        },
      },
    ],
    kept: [],
    notes: base
      ? [
          ...notes,
          `consumer ${id} gets a copy of the configuration of ${base.where}: later changes there do not reach it`,
        ]
      : notes,
  }
}

function ownConfig(settings: KeySettings): PluginConfig {
  const names = (Object.keys(settings) as KeyField[]).filter(
    (name) => !FOR_PEOPLE.includes(name) && name !== 'rate_limit',
  )
  const alone = names.filter((name) => !(name in config))
  if (alone.length > 0)
    throw new Failure(
      `only a registry keeps ${alone.join(', ')}: set registry: true on the plugin (vk plugin enable --set registry=true), or say --registry`,
    )
  return Object.fromEntries(names.map((name) => [name, settings[name]]))
}

/** @returns undefined if none applies @throws Failure if several that differ apply */
function single(applying: readonly Applying[], service: string | undefined): Applying | undefined {
  const [first, ...others] = applying
  const other =
    first && others.find(({ config: one }) => !covers(one, first.config) || !covers(first.config, one))
  if (first === undefined || other === undefined) return first
  const way = service === undefined ? 'name the --service' : 'make them alike'
  throw new Failure(
    `${first.where} and ${other.where}${service === undefined ? '' : ` of service ${service}`} have different configurations, and one of a consumer would replace both: ${way}, or keep settings in the registry (registry: true)`,
  )
}

/** Kong shows unset fields as null. Without a default, null means the same as leaving the field out. */
function said(given: PluginConfig): PluginConfig {
  const defaults: Fields = config
  return Object.fromEntries(
    Object.entries(given).filter(([name, value]) => value !== null || defaults[name]?.default !== undefined),
  )
}
