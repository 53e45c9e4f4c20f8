import { several } from '../output/text.ts'
import { check } from './check.ts'
import type { Configuration } from './configuration.ts'
import { fail, type Judged, ok, warn } from './finding.ts'

export interface EnabledFacts {
  readonly configurations: ReadonlyArray<Pick<Configuration, 'scope' | 'enabled' | 'refusal'>>
}

export function judgeEnabled({ configurations }: EnabledFacts): Judged[] {
  const scopes = (enabled: boolean) =>
    configurations.filter((one) => one.enabled === enabled).map(({ scope }) => scope)
  const [on, off] = [scopes(true), scopes(false)]
  return [
    on.length === 0
      ? warn('on no route, service or consumer: nothing is counted', 'enable virtual-key on an LLM route')
      : ok(`on ${several(on)}`.replace(/^on everywhere$/, 'everywhere')),
    ...(off.length === 0
      ? []
      : [warn(`switched off on ${several(off)}`, 'set enabled: true there, or delete it')]),
    ...configurations.flatMap((one) =>
      one.enabled && one.refusal !== undefined
        ? [fail(`on ${one.scope}, ${one.refusal}: its requests get 500`, 'correct that field')]
        : [],
    ),
  ]
}

/** Where the plugin is enabled. */
export const enabled = check('enabled', async (seat) => seat.gateway(), judgeEnabled)
