import { config } from '../../schema/config.ts'
import { fieldPaths, shapesFrom } from '../../schema/fields.ts'
import { several } from '../output/text.ts'
import { check } from './check.ts'
import type { DoctorContext } from './context.ts'
import { fail, type Judged, ok, warn } from './finding.ts'
import type { Configuration } from './gateway.ts'

/** The fields of the plugin in Kong, such as `redis.host`; undefined if it is not installed. */
async function probe(context: DoctorContext): Promise<readonly string[] | undefined> {
  const admin = await context.admin()
  const schema = await admin.get<{ readonly fields?: unknown }>('/schemas/plugins/virtual-key')
  if (schema === undefined) return undefined
  const own = shapesFrom(schema.fields).config
  return own?.type === 'record' ? fieldPaths(own.fields) : []
}

export function judgePlugin(found: readonly string[] | undefined, own = fieldPaths(config)): Judged[] {
  if (found === undefined) {
    return [
      fail(
        'not installed: Kong knows no plugin virtual-key',
        'set KONG_PLUGINS=bundled,virtual-key and the KONG_PLUGINSERVER_… settings of docs/operations.md, then restart Kong',
      ),
    ]
  }
  const missing = own.filter((name) => !found.includes(name))
  if (missing.length > 0) {
    return [
      fail(
        `Kong runs an older version of the plugin, without ${several(missing)}`,
        'put this version beside Kong and restart it: a reload does not read the fields anew',
      ),
    ]
  }
  const unknown = found.filter((name) => !own.includes(name))
  if (unknown.length > 0) {
    return [
      warn(`Kong runs a newer version of the plugin, with ${several(unknown)}`, 'use the vk of that version'),
    ]
  }
  return [ok('installed, with the fields of this version')]
}

/** Whether Kong runs the plugin, and this version of it. */
export const plugin = check('plugin', probe, judgePlugin)

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
export const enabled = check('enabled', async (context) => context.gateway(), judgeEnabled)
