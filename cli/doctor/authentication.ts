import { routesOf, several } from '../output/text.ts'
import { check } from './check.ts'
import type { DoctorContext } from './context.ts'
import { fail, type Judged, ok, skipped, warn } from './finding.ts'
import type { Configuration } from './gateway.ts'

/** A configuration, with the plugins that authenticate on each route that it applies to. */
export interface AuthFacts {
  readonly scope: string
  readonly identifyBy: Configuration['identifyBy']
  readonly requireKey: boolean
  readonly routes: ReadonlyArray<{
    readonly name: string
    readonly by: ReadonlyArray<{ readonly name: string; readonly handsOn: boolean }>
  }>
}

async function probe(context: DoctorContext): Promise<AuthFacts[]> {
  const { configurations, precedence } = await context.gateway()
  return configurations
    .filter(({ enabled }) => enabled)
    .map((one) => ({
      scope: one.scope,
      identifyBy: one.identifyBy,
      requireKey: one.requireKey,
      routes: precedence.routesOf(one).map((route) => ({
        name: route.name,
        by: precedence.authenticators(route).map(({ name, config }) => ({
          name,
          handsOn: config.hide_credentials === false,
        })),
      })),
    }))
}

export function judgeAuthentication(facts: readonly AuthFacts[]): Judged[] {
  if (facts.length === 0) return [skipped('virtual-key is not enabled')]
  return [...facts.flatMap(unguarded), ...guarded(facts)]
}

/** Routes on which no plugin authenticates. */
function unguarded({ scope, identifyBy, requireKey, routes }: AuthFacts): Judged[] {
  if (routes.length === 0) {
    return [
      warn(
        `${scope}: applies to no request`,
        'it needs a route; that of a consumer needs an authenticating plugin on the route too',
      ),
    ]
  }
  const names = routes.filter(({ by }) => by.length === 0).map(({ name }) => name)
  if (names.length === 0) return []
  const nobody = `nobody authenticates on ${routesOf(scope, names)}`
  if (identifyBy === 'header') {
    return [warn(`${nobody}: a client can name any key`, 'put key-auth on the route, or trust all clients')]
  }
  const then = requireKey ? 'every request is answered 401' : 'nothing is counted'
  return [fail(`${nobody}: ${then}`, 'put key-auth on the route, or set identify_by: header')]
}

/** Reports equal findings once. */
function guarded(facts: readonly AuthFacts[]): Judged[] {
  const scopes = new Map<string, string[]>()
  const handing = new Set<string>()
  for (const { scope, routes } of facts) {
    const plugins = routes.flatMap(({ by }) => by)
    if (plugins.length === 0) continue
    const names = [...new Set(plugins.map(({ name }) => name))].join(', ')
    scopes.set(names, [...(scopes.get(names) ?? []), scope])
    for (const { name, handsOn } of plugins) if (handsOn) handing.add(name)
  }
  const advice = `${[...handing].join(', ')} hands the client's key on to the upstream: set hide_credentials: true`
  return [...scopes].map(([names, known], i) =>
    ok(`${names}: ${several(known)}`, i === 0 && handing.size > 0 ? advice : undefined),
  )
}

/** Whether a plugin authenticates the callers on every route of virtual-key. */
export const authentication = check('authentication', probe, judgeAuthentication)
