import { loggable } from '../../plugins/virtual-key/outbox/webhook-target.ts'
import { config } from '../../schema/config.ts'
import { fieldAt, isReference, type Shape } from '../../schema/fields.ts'
import type { KeyField } from '../../schema/key.ts'
import { shownTime } from '../output/text.ts'
import type { Plugin, PluginConfig } from './kong-state.ts'
import { type Change, type FieldChange, type Plan, type Scope, scopeText } from './plan.ts'

/** Plans these values for an existing plugin, and enables it; its other values stay. */
export function configChanges(scope: Scope, plugin: Plugin, wanted: PluginConfig): Plan {
  const { id, name, enabled } = plugin
  const what = `plugin ${name} of ${scopeText(scope)}`
  const different = Object.keys(wanted).filter((field) => !covers(plugin.config[field], wanted[field]))
  if (different.length === 0 && enabled) return { changes: [], kept: [what], notes: [] }
  const fields = [
    ...(enabled ? [] : [{ field: 'enabled', from: false, to: true }]),
    ...different.flatMap((field) => fieldChanges(field, plugin.config[field], wanted[field])),
  ]
  const values = {
    ...(enabled ? {} : { enabled: true }),
    ...(different.length === 0
      ? {}
      : { config: Object.fromEntries(different.map((field) => [field, wanted[field]])) }),
  }
  const operation = { kind: 'change plugin', scope, name, id, values } as const
  const change: Change = { action: 'update', what, fields, operation }
  return { changes: [change], kept: [], notes: [] }
}

/** Whether all wanted values are there. Other values, which Kong filled in, are ignored; an unset one is null or absent. */
export function covers(there: unknown, wanted: unknown): boolean {
  if (wanted === null || wanted === undefined) return there === null || there === undefined
  if (typeof wanted !== 'object' || typeof there !== 'object' || there === null) return there === wanted
  if (Array.isArray(wanted) !== Array.isArray(there)) return false
  if (Array.isArray(wanted) && Array.isArray(there) && wanted.length !== there.length) return false
  return Object.entries(wanted).every(([name, value]) => covers((there as PluginConfig)[name], value))
}

/** The values in one field that differ, each with its dotted path. Fields of other plugins are named as those of virtual-key. */
export function fieldChanges(path: string, there: unknown, wanted: unknown): FieldChange[] {
  if (isRecord(wanted)) {
    return Object.entries(wanted).flatMap(([name, value]) => {
      const inner = isRecord(there) ? there[name] : undefined
      return covers(inner, value) ? [] : fieldChanges(`${path}.${name}`, inner, value)
    })
  }
  return [
    {
      field: `config.${path}`,
      ...(there === undefined ? {} : { from: shownConfig(path, there) ?? null }),
      to: shownConfig(path, wanted) ?? null,
    },
  ]
}

function isRecord(value: unknown): value is PluginConfig {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A setting of a key as a plan shows it. Of a webhook it shows only the origin, because the path may be a secret. */
export function shownSetting(name: KeyField, value: unknown): unknown {
  if (name === 'expires_at' && typeof value === 'number') return shownTime(value)
  return shownConfig(name, value)
}

/** A value of the plugin's configuration as a plan shows it. @param path dotted, such as `webhook.secrets` */
export function shownConfig(path: string, value: unknown): unknown {
  if (value === undefined || value === null) return value
  if (isReference(value)) return value
  if (path === 'alert_webhook') return loggable(String(value))
  return isSecret(fieldAt(config, path)) ? '(hidden)' : value
}

/** Whether values of a field are or contain secrets. */
export function isSecret(field: Shape | undefined): boolean {
  if (field === undefined) return false
  return field.encrypted === true || ('elements' in field && field.elements.encrypted === true)
}
