import { type Change, type FieldChange, type Plan, type Scope, scopeText } from './changes.ts'
import type { Plugin, PluginConfig } from './entities.ts'
import { shownConfig } from './shown.ts'

/** A plugin that is there gets these values and is enabled; all its others stay. */
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
  const act = { kind: 'change plugin', scope, name, id, values } as const
  const change: Change = { action: 'update', what, fields, act }
  return { changes: [change], kept: [], notes: [] }
}

/** Whether everything that is wanted is there. What Kong filled in besides does not count, and unset is null or absent. */
export function covers(there: unknown, wanted: unknown): boolean {
  if (wanted === null || wanted === undefined) return there === null || there === undefined
  if (typeof wanted !== 'object' || typeof there !== 'object' || there === null) return there === wanted
  if (Array.isArray(wanted) !== Array.isArray(there)) return false
  if (Array.isArray(wanted) && Array.isArray(there) && wanted.length !== there.length) return false
  return Object.entries(wanted).every(([name, value]) => covers((there as PluginConfig)[name], value))
}

/** The differing values inside one field, each with its dotted path. What other plugins share with virtual-key goes by the same names. */
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
