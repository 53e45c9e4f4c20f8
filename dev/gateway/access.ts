import { scopeOf } from '../../schema/kong/precedence.ts'
import { type Exchange, errorAnswer, raisedAnswer } from './exchange.ts'
import type { Log } from './log.ts'
import { type Bound, boundTo, type Plan } from './plan.ts'

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
    return plan.plugins.flatMap((plugin) => boundTo(plugin, {}) ?? [])
  }
  const { route } = match
  exchange.route = route
  exchange.service = route.service && plan.service(route.service.id)
  exchange.prefix = route.strip_path ? match.prefix : undefined
  const rest = route.strip_path ? match.rest : undefined
  exchange.upstreamPath = escapedPath(upstreamPath(exchange.service?.path, exchange.path, rest))

  const taking: Bound[] = []
  for (const plugin of plan.plugins) {
    const { route: its, service, consumer } = exchange
    const bound = boundTo(plugin, scopeOf({ route: its, service, consumer }))
    if (!bound) continue
    taking.push(bound)
    if (bound.plugin.response) exchange.ctx.set('buffered_proxying', true)
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

/** Routing unescapes the path; characters that a request line may not contain are escaped again. */
function escapedPath(path: string): string {
  return path.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]/g, (char) =>
    [...Buffer.from(char, 'latin1')]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  )
}

/**
 * The path sent upstream, path handling v0.
 * @param base the service's path  @param path of the request, normalized
 * @param rest what follows the part that the route matched; undefined: nothing is stripped
 */
export function upstreamPath(base: string | undefined, path: string, rest: string | undefined): string {
  const root = base ?? '/'
  const bare = root.endsWith('/') ? root.slice(0, -1) : root
  if (rest === undefined) {
    if (root.endsWith('/')) return `${bare}${path}`
    return path === '/' ? root : `${root}${path}`
  }
  if (rest !== '') return rest.startsWith('/') ? `${bare}${rest}` : `${bare}/${rest}`
  if (root === '/') return '/'
  if (root.endsWith('/')) return path.endsWith('/') ? root : bare
  return path.length > 1 && path.endsWith('/') ? `${root}/` : root
}
