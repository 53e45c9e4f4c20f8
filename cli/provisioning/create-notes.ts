import type { KeySettings } from '../../schema/key.ts'
import { AUTHENTICATORS } from '../../schema/kong/authenticators.ts'
import { type Applying, runningOn } from './applying.ts'
import type { KongState, RegistryState } from './create-plan.ts'
import type { Gateway, PluginConfig, Service } from './kong-state.ts'
import { type BudgetKnown, budgetOf, percentNotes } from './percents.ts'
import { elsewhere, shownPlace } from './plugin-redis.ts'

/** What is known when a key is created. */
export interface Creation {
  readonly settings: KeySettings
  /** Absent if the registry is not used. */
  readonly registry: RegistryState | undefined
  /** Absent if no Admin API was named. */
  readonly kong: KongState | undefined
  /** The Redis of `vk`, as a configuration would name it. */
  readonly here: PluginConfig
  /** The operator has said whether the registry is used. */
  readonly chosen: boolean
}

/**
 * Notes about ways in which the key will do less than its operator may expect.
 * @throws Failure with exit code 2 for settings without any effect
 */
export function createNotes(creation: Creation): string[] {
  const { settings, kong, chosen } = creation
  return [
    ...percentNotes(settings.alert_percents, budgetFor(creation)),
    ...webhookNotes(creation),
    ...placeNotes(creation),
    ...(kong === undefined && !chosen ? [ALONE] : []),
  ]
}

/** Without the Admin API the command writes only a record. */
const ALONE =
  'no --admin-url: this is a record of the registry alone, which counts where the plugin has registry: true; Kong gets no consumer and no key'

function budgetFor({ settings, registry, kong }: Creation): BudgetKnown {
  const configurations = kong?.applying.map(({ config }) => config)
  // The record will also serve configurations that are added later.
  const none = registry !== undefined && configurations?.length === 0
  const own = settings.token_budget ?? registry?.record?.settings.token_budget
  return budgetOf(own, none ? undefined : configurations)
}

function webhookNotes({ settings, registry, kong }: Creation): string[] {
  const { alert_threshold, alert_thresholds, alert_percents, alert_webhook } = settings
  const wanted = [alert_threshold, alert_thresholds, alert_percents].some((one) => one !== undefined)
  const somewhere =
    alert_webhook !== undefined ||
    registry?.record?.settings.alert_webhook !== undefined ||
    !kong?.applying.length ||
    kong.applying.some(({ config }) => typeof config.alert_webhook === 'string')
  return wanted && !somewhere
    ? ['no alert_webhook is set: crossings are counted and logged, and nobody is called']
    : []
}

/** A record has no effect in a Redis that the plugin does not read. */
function placeNotes({ registry, kong, here }: Creation): string[] {
  if (registry === undefined) return []
  const readers = (kong?.applying ?? []).filter(({ config }) => config.registry === true)
  return elsewhere(readers, here).map(
    ({ where, config }) =>
      `${where} reads the registry in ${shownPlace(config)}, and this is ${shownPlace(here)}: unless both are the same, name that one by REDIS_URL`,
  )
}

/** Notes about the routes of a key. @param record whether its settings go into the registry, whatever the plugin's configuration says */
export function remarksOn(
  gateway: Gateway,
  service: Service | undefined,
  applying: readonly Applying[],
  record: boolean,
): string[] {
  const where = service === undefined ? 'any route' : `service ${service.name ?? service.id}`
  const scope = service === undefined ? '--global' : `--service ${service.name ?? service.id}`
  const names = AUTHENTICATORS.map(({ name }) => name)
  const authenticators = runningOn(gateway, service, names)
  const other = applying.filter(({ config }) => config.identify_by !== 'consumer')
  return [
    ...(applying.length === 0
      ? [`virtual-key is not enabled on ${where}: nothing is counted there until vk plugin enable ${scope}`]
      : []),
    ...(authenticators.includes('key-auth')
      ? []
      : [`key-auth is not enabled on ${where}: ${nobodyAsks(authenticators)}`]),
    ...other.map(
      ({ where: at, config }) =>
        `${at} has identify_by ${config.identify_by}: totals and settings there are not those of the consumer`,
    ),
    ...(record && applying.length > 0 && !applying.some(({ config }) => config.registry)
      ? [
          `the record changes nothing yet: ${applying.map(({ where: at }) => at).join(', ')} ${applying.length > 1 ? 'do' : 'does'} not have registry: true`,
        ]
      : []),
    ...(applying.some(({ config }) => config.registry) && applying.some(({ config }) => !config.registry)
      ? [
          `the registry is not read by ${applying
            .filter(({ config }) => !config.registry)
            .map(({ where: at }) => at)
            .join(', ')}`,
        ]
      : []),
  ]
}

function nobodyAsks(others: readonly string[]): string {
  return others.length === 0
    ? 'nobody asks for the key there'
    : `${others.join(', ')} says who calls there, and does not ask for the key`
}
