import type { Declaration, PluginConfiguration } from './entities.ts'
import { type Exchange, errorAnswer, raisedAnswer } from './exchange.ts'
import type { Bound, GatewayPlugin } from './gateway-plugin.ts'
import type { Log } from './log.ts'
import { mostSpecific, type Scope, scopeKey } from './precedence.ts'
import { upstreamPath } from './request-path.ts'
import { createRouter, type Router } from './router.ts'

/** What a declarative file comes to when requests arrive. */
export interface Plan {
  readonly router: Router
  readonly declaration: Declaration
  /** by priority, highest first; each with its configurations by scopeKey */
  readonly plugins: readonly (readonly [GatewayPlugin, ReadonlyMap<string, PluginConfiguration>])[]
}

export function planOf(declaration: Declaration, plugins: readonly GatewayPlugin[]): Plan {
  const sorted = plugins.toSorted((a, b) => b.priority - a.priority || (a.name < b.name ? 1 : -1))
  return {
    declaration,
    router: createRouter(declaration.routes),
    plugins: sorted.map((plugin) => {
      const own = declaration.plugins.filter(({ name }) => name === plugin.name)
      return [plugin, new Map(own.map((configuration) => [scopeKey(configuration.scope), configuration]))]
    }),
  }
}

/**
 * Finds the route and runs the access phases. Every plugin that has a configuration for the request takes part in its later
 * phases too, also after one before it has answered; a plugin is looked up only when its turn comes, so that those after
 * key-auth see the consumer.
 */
export async function access(exchange: Exchange, plan: Plan, log: Log): Promise<Bound[]> {
  const host = exchange.headers.get('host') ?? ''
  const match = plan.router(exchange.method, host, exchange.path)
  if (!match) {
    exchange.answer = errorAnswer(exchange, 404, 'no Route matched with those values')
    return plan.plugins.flatMap(([plugin, configurations]) => bind(plugin, configurations, {}))
  }
  const { route } = match
  exchange.route = route
  exchange.service = route.service && plan.declaration.services.get(route.service.id)
  exchange.prefix = route.strip_path ? match.prefix : undefined
  const rest = route.strip_path ? match.rest : undefined
  exchange.upstreamPath = escapedPath(upstreamPath(exchange.service?.path, exchange.path, rest))

  const taking: Bound[] = []
  for (const [plugin, configurations] of plan.plugins) {
    const [bound] = bind(plugin, configurations, scopeOf(exchange))
    if (!bound) continue
    taking.push(bound)
    if (plugin.response) exchange.ctx.set('buffered_proxying', true)
    if (!exchange.answer) await runAccess(exchange, bound, log)
  }
  if (!exchange.answer && !exchange.service) {
    exchange.answer = errorAnswer(exchange, 503, 'no Service found with those values')
  }
  return taking
}

async function runAccess(exchange: Exchange, { plugin, configuration }: Bound, log: Log): Promise<void> {
  try {
    await plugin.access?.(exchange, configuration)
  } catch (error) {
    log('err', `${plugin.name}: ${String(error)}`)
    exchange.answer = raisedAnswer()
  }
}

function bind(
  plugin: GatewayPlugin,
  configurations: ReadonlyMap<string, PluginConfiguration>,
  scope: Scope,
): Bound[] {
  const configuration = mostSpecific(configurations, scope)
  return configuration ? [{ plugin, configuration }] : []
}

function scopeOf({ route, service, consumer }: Exchange): Scope {
  return {
    ...(route && { route: route.id }),
    ...(service && { service: service.id }),
    ...(consumer && { consumer: consumer.id }),
  }
}

/** Routing unescapes; what may not stand in a request line is escaped again. */
function escapedPath(path: string): string {
  return path.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]/g, (char) =>
    [...Buffer.from(char, 'latin1')]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  )
}
