import { AUTHENTICATORS } from '../../schema/kong/authenticators.ts'
import type { PluginConfiguration } from './entities.ts'
import type { FieldEntry } from './plugin-info.ts'
import type { Scope } from './precedence.ts'
import { violations } from './schema-check.ts'
import { isValues, type Values, withDefaults } from './schema-defaults.ts'

export interface PluginSchema {
  readonly fields: readonly FieldEntry[]
  /** false: Kong refuses it on a consumer, because it has to run to find the consumer */
  readonly onConsumer: boolean
}

/** By plugin name: what may stand in a file. */
export type PluginSchemas = ReadonlyMap<string, PluginSchema>

/** @returns undefined for a disabled one, which Kong checks all the same  @throws Error with the path of what is wrong */
export function pluginConfiguration(
  at: string,
  id: string,
  values: Values,
  scope: Scope,
  schemas: PluginSchemas,
): PluginConfiguration | undefined {
  const name = String(values.name)
  const schema = schemas.get(name)
  if (!schema) throw new Error(`${at}: ${unsupported(name, schemas)}`)
  if (scope.consumer !== undefined && !schema.onConsumer)
    throw new Error(`${at}.consumer: value must be null`)
  const config = withDefaults(schema.fields, isValues(values.config) ? values.config : {})
  const found = violations(schema.fields, config, `${at} (${name}): config`)
  if (found.length > 0) throw new Error(found.join('\n'))
  return values.enabled ? { id, name, scope, config } : undefined
}

/** Where nobody would find out who calls, key-auth can stand in for what the real Kong has there. */
function unsupported(name: string, schemas: PluginSchemas): string {
  const text = `plugin '${name}' is not supported by the development gateway`
  const known = (one: string) => AUTHENTICATORS.some((authenticator) => authenticator.name === one)
  return known(name) ? `${text}, which finds out who calls by ${[...schemas.keys()].filter(known)}` : text
}

/** @param keys name and scope of every plugin configuration */
export function uniqueScopes(keys: readonly string[]): void {
  const twice = keys.find((key, index) => keys.indexOf(key) !== index)
  if (twice) throw new Error(`UNIQUE violation detected: plugin configured twice for one scope: ${twice}`)
}
