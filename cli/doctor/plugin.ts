import { config } from '../../schema/config.ts'
import type { Fields } from '../../schema/fields.ts'
import { several } from '../output/text.ts'
import { check } from './check.ts'
import { fail, type Judged, ok, warn } from './finding.ts'
import type { Seat } from './seat.ts'

/** A record of Kong's schema: every field a table of its own with one member. */
interface KongRecord {
  readonly fields?: ReadonlyArray<Readonly<Record<string, KongRecord>>>
}

/** The fields of the plugin that Kong runs, `redis.host` and the like; undefined: it runs none. */
async function probe(seat: Seat): Promise<readonly string[] | undefined> {
  const schema = await (await seat.admin()).get<KongRecord>('/schemas/plugins/virtual-key')
  if (schema === undefined) return undefined
  return fieldNames(schema.fields?.find((field) => field.config !== undefined)?.config ?? {})
}

export function fieldNames({ fields = [] }: KongRecord, prefix = ''): string[] {
  return fields.flatMap((one) =>
    Object.entries(one).flatMap(([name, field]) => [
      `${prefix}${name}`,
      ...fieldNames(field, `${prefix}${name}.`),
    ]),
  )
}

/** As `fieldNames`, of this version's own declaration. */
export function ownFieldNames(fields: Fields = config, prefix = ''): string[] {
  return Object.entries(fields).flatMap(([name, field]) => [
    `${prefix}${name}`,
    ...(field.type === 'record' ? ownFieldNames(field.fields, `${prefix}${name}.`) : []),
  ])
}

export function judgePlugin(found: readonly string[] | undefined, own = ownFieldNames()): Judged[] {
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
