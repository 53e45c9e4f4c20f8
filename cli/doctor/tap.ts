import { tapLua } from '../../plugins/virtual-key/metering/tap/lua.ts'
import { routesOf, several } from '../output/text.ts'
import { check } from './check.ts'
import type { DoctorContext } from './context.ts'
import { fail, type Judged, ok, skipped, warn } from './finding.ts'
import type { PluginEntity } from './gateway.ts'

/** `other`: it turns buffering off, but its notes are not those that this version reads. */
export type TapState = 'present' | 'absent' | 'other'

/** A tapped configuration, with the tap on each route that it applies to. */
export interface TappedFacts {
  readonly scope: string
  readonly routes: ReadonlyArray<{ readonly name: string; readonly tap: TapState }>
}

async function probe(context: DoctorContext): Promise<TappedFacts[]> {
  const { configurations, precedence } = await context.gateway()
  return configurations
    .filter(({ enabled, tapped }) => enabled && tapped)
    .map((one) => ({
      scope: one.scope,
      routes: precedence.routesOf(one).map((route) => ({
        name: route.name,
        tap: tapIn(precedence.on(route, 'post-function', one.consumer)),
      })),
    }))
}

/** Whether a post-function is the tap. kong.yml may have changed the line ends at its start and end. */
export function tapIn(post: Pick<PluginEntity, 'config'> | undefined): TapState {
  const lua = (phase: string): string[] => {
    const functions = post?.config[phase]
    return Array.isArray(functions) ? functions.map((text) => String(text).trim()) : []
  }
  if (Object.entries(tapLua).every(([phase, text]) => lua(phase).includes(text.trim()))) return 'present'
  return lua('access').some((text) => text.includes('buffered_proxying')) ? 'other' : 'absent'
}

export function judgeTaps(facts: readonly TappedFacts[]): Judged[] {
  if (facts.length === 0) return [skipped('no configuration has body: tapped')]
  const on = (wanted: TapState) =>
    facts.flatMap(({ scope, routes }) => {
      const names = routes.filter(({ tap }) => tap === wanted).map(({ name }) => name)
      return names.length === 0 ? [] : [routesOf(scope, names)]
    })
  const [present, absent, other] = [on('present'), on('absent'), on('other')]
  const found = [
    ...other.map((where) =>
      fail(
        `the tap on ${where} is that of another version: nothing is counted there`,
        'replace that post-function by what vk tap prints',
      ),
    ),
    ...absent.map((where) =>
      warn(
        `no tap on ${where}: answers are counted, but buffered`,
        'put what vk tap prints beside virtual-key, or into the post-function that is there',
      ),
    ),
    ...(present.length > 0 ? [ok(`on ${several(present)}`)] : []),
  ]
  return found.length > 0 ? found : [skipped('body: tapped applies to no route')]
}

/** Whether tapped routes have the Lua that they need. */
export const tap = check('tap', probe, judgeTaps)
