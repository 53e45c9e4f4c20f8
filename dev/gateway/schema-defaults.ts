import type { FieldEntry, FieldSchema } from './plugin-info.ts'

export type Values = Record<string, unknown>

/**
 * A configuration with Kong's defaults: a missing field gets its default, a missing required record its nested defaults;
 * what stays unset is left out, because Kong drops nulls before a plugin sees them.
 */
export function withDefaults(fields: readonly FieldEntry[], given: Values): Values {
  const filled: Values = { ...given }
  for (const [name, field] of namedFields(fields)) {
    const value = fill(field, given[name])
    if (value === undefined || value === null) delete filled[name]
    else filled[name] = value
  }
  return filled
}

export function* namedFields(fields: readonly FieldEntry[]): Generator<[string, FieldSchema]> {
  for (const entry of fields) yield* Object.entries(entry)
}

export function isValues(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function fill(field: FieldSchema, value: unknown): unknown {
  if (value === undefined) {
    if (field.default !== undefined) return fill(field, structuredClone(field.default))
    return field.type === 'record' && field.required ? withDefaults(field.fields ?? [], {}) : undefined
  }
  if (field.type === 'record' && isValues(value)) return withDefaults(field.fields ?? [], value)
  const element = field.elements
  if (element && Array.isArray(value)) return value.map((item) => fill(element, item))
  return value
}
