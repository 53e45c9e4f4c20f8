import { check } from './check.ts'
import type { Configuration } from './configuration.ts'
import { type Judged, ok, warn } from './finding.ts'
import { several } from './wording.ts'

export interface EnabledFacts {
  readonly configurations: ReadonlyArray<Pick<Configuration, 'scope' | 'enabled'>>
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
  ]
}

/** Where the plugin is enabled. */
export const enabled = check('enabled', async (seat) => seat.gateway(), judgeEnabled)
