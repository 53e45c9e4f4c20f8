import { AUTHENTICATORS } from '../../schema/kong/authenticators.ts'
import { configChanges, fieldChanges } from './config-changes.ts'
import { type Gateway, type Plugin, type PluginConfig, type Route, type Service, TAG } from './kong-state.ts'
import { percentNotes } from './percents.ts'
import { joined, type Plan, type Scope, scopeText } from './plan.ts'
import { isLocal, namesRedis, redisOf, shownPlace, withRedis } from './plugin-redis.ts'
import { Precedence } from './precedence.ts'

/** Where the plugin goes, with what it is called there. */
export interface Place {
  readonly scope: Scope
  readonly route?: Route
  readonly service?: Service
}

export interface WantedPlugin {
  readonly place: Place
  readonly config: PluginConfig
  /** The Redis in the options of `vk`; undefined if there is none. */
  readonly redis: PluginConfig | undefined
  /** Whether to add key-auth if no other plugin authenticates. */
  readonly keyAuth: boolean
}

/**
 * Plans virtual-key with these values, and then key-auth if no other plugin authenticates. key-auth comes last, because Kong may refuse a
 * value of virtual-key.
 * @throws Failure for a configuration that Kong accepts and the plugin does not
 */
export function enablePlan(wanted: WantedPlugin, gateway: Gateway): Plan {
  const { place, keyAuth } = wanted
  const { scope } = place
  const there = pluginAt('virtual-key', place, gateway)
  const config =
    there || wanted.redis === undefined || namesRedis(wanted.config)
      ? wanted.config
      : withRedis(wanted.config, wanted.redis)
  const notes = [...redisNotes(wanted, there, config), ...percentsOf({ ...there?.config, ...config })]
  const own = there ? configChanges(scope, there, config) : created(scope, 'virtual-key', config)
  return joined(own, keyAuth && keyAuthPlan(place, gateway), { changes: [], kept: [], notes })
}

/** Counters do not move when the plugin gets another Redis, so an existing configuration keeps its Redis unless it is named. */
function redisNotes({ redis }: WantedPlugin, there: Plugin | undefined, config: PluginConfig): string[] {
  if (there !== undefined && !namesRedis(config)) {
    const [own, told] = [shownPlace(there.config), shownPlace({ redis })]
    return redis === undefined || own === told
      ? []
      : [`the plugin keeps its totals in ${own}, not in ${told}: --set redis.host=… changes that`]
  }
  const whole = there ? withRedis(config, redisOf(there.config)) : config
  return isLocal(whole)
    ? [
        `Kong will look for Redis at ${shownPlace(whole)}, on its own machine: --set redis.host=… names another`,
      ]
    : []
}

/** A route with percents but no budget answers 500. With the registry each key can have a budget. */
function percentsOf({ alert_percents, token_budget, registry }: PluginConfig): string[] {
  const percents = Array.isArray(alert_percents) ? alert_percents.map(Number) : undefined
  const budget = Number(token_budget) > 0 ? 'some' : registry === true ? 'unknown' : 'none'
  return percentNotes(percents, budget)
}

export function disablePlan(place: Place, remove: boolean, gateway: Gateway): Plan {
  const { scope } = place
  const name = 'virtual-key'
  const what = `plugin ${name} of ${scopeText(scope)}`
  const there = pluginAt(name, place, gateway)
  if (there === undefined) return { changes: [], kept: [], notes: [`${what} is not there`] }
  const { id, enabled } = there
  if (remove) {
    const operation = { kind: 'delete plugin', scope, name, id } as const
    return { changes: [{ action: 'delete', what, fields: [], operation }], kept: [], notes: [] }
  }
  if (!enabled) return { changes: [], kept: [`${what}, disabled`], notes: [] }
  const operation = { kind: 'change plugin', scope, name, id, values: { enabled: false } } as const
  const fields = [{ field: 'enabled', from: true, to: false }]
  return { changes: [{ action: 'update', what, fields, operation }], kept: [], notes: [] }
}

function keyAuthPlan(place: Place, gateway: Gateway): Plan {
  const { plugins } = gateway
  const { scope } = place
  const none: Plan = { changes: [], kept: [], notes: [] }
  const own = pluginAt('key-auth', place, gateway)
  if (own !== undefined)
    return own.enabled
      ? { ...none, kept: [`plugin key-auth of ${scopeText(scope)}`] }
      : {
          ...none,
          notes: [`key-auth is disabled on ${scopeText(scope)} and stays so: nobody asks for the key there`],
        }
  const { route } = place
  const service = route ? route.service : place.service
  const request = { ...(route && { route: route.id }), ...(service && { service: service.id }) }
  const precedence = new Precedence(plugins, [])
  if (precedence.at(request, 'key-auth') !== undefined)
    return { ...none, kept: [`plugin key-auth, from further out than ${scopeText(scope)}`] }
  const other = AUTHENTICATORS.find(({ name }) => precedence.at(request, name) !== undefined)?.name
  if (other !== undefined)
    return { ...none, notes: [`${other} says who calls on ${scopeText(scope)}: key-auth is left out`] }
  // Otherwise Kong sends the client's key to the upstream, which belongs to a third party.
  return created(scope, 'key-auth', { hide_credentials: true })
}

function created(scope: Scope, name: string, config: PluginConfig): Plan {
  const fields = Object.entries(config).flatMap(([field, value]) => fieldChanges(field, undefined, value))
  const what = `plugin ${name} of ${scopeText(scope)}`
  const operation = { kind: 'create plugin', scope, name, config, tags: [TAG] } as const
  return { changes: [{ action: 'create', what, fields, operation }], kept: [], notes: [] }
}

/** The plugin in exactly this scope, enabled or not. */
function pluginAt(name: string, { route, service }: Place, { plugins }: Gateway): Plugin | undefined {
  return plugins.find(
    (one) =>
      one.name === name &&
      one.consumer === null &&
      one.route?.id === route?.id &&
      one.service?.id === service?.id,
  )
}
