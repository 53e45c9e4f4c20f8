import { luaPattern } from './lua-pattern.ts'
import type { FieldEntry, FieldSchema } from './plugin-info.ts'
import { isValues, namedFields, type Values } from './schema-defaults.ts'

/** Attributes that do not restrict a value, or that this file enforces. Any other would be silently ignored: refused instead. */
const KNOWN = new Set(
  `type default required one_of between gt match match_any len_min len_max err elements keys values fields
   referenceable encrypted description`.split(/\s+/),
)

const TYPES: Record<FieldSchema['type'], (value: unknown) => boolean> = {
  string: (value) => typeof value === 'string',
  integer: Number.isInteger,
  number: (value) => typeof value === 'number',
  boolean: (value) => typeof value === 'boolean',
  array: Array.isArray,
  set: Array.isArray,
  map: isValues,
  record: isValues,
}

/** What Kong would answer a configuration with, one `path: message` per violation; empty when it is valid. */
export function violations(fields: readonly FieldEntry[], values: Values, path: string): string[] {
  const found: string[] = []
  const known = new Map(namedFields(fields))
  for (const name of Object.keys(values)) {
    if (!known.has(name)) found.push(`${path}.${name}: unknown field`)
  }
  for (const [name, field] of known) found.push(...checkField(field, values[name], `${path}.${name}`))
  return found
}

function checkField(field: FieldSchema, value: unknown, path: string): string[] {
  const strange = Object.keys(field).find((attribute) => !KNOWN.has(attribute))
  if (strange) return [`${path}: schema attribute '${strange}' is not supported by the development gateway`]
  if (value === undefined || value === null) return field.required ? [`${path}: required field missing`] : []
  const ofType = TYPES[field.type]
  if (!ofType) return [`${path}: invalid type: ${field.type}`]
  if (!ofType(value)) return [`${path}: expected ${/^[aeiou]/.test(field.type) ? 'an' : 'a'} ${field.type}`]
  if (typeof value === 'string' && field.referenceable && /^\{vault:\/\/.*\}$/.test(value)) {
    return [`${path}: vault references are not supported by the development gateway`]
  }
  const own = ownViolation(field, value)
  return [...(own === undefined ? [] : [`${path}: ${field.err ?? own}`]), ...within(field, value, path)]
}

function within(field: FieldSchema, value: unknown, path: string): string[] {
  if (field.type === 'record' && isValues(value)) return violations(field.fields ?? [], value, path)
  const required = (inner: FieldSchema | undefined): FieldSchema | undefined =>
    inner && { ...inner, required: true }
  const element = required(field.elements)
  if (element && Array.isArray(value))
    return value.flatMap((v, i) => checkField(element, v, `${path}[${i + 1}]`))
  if (field.type !== 'map' || !isValues(value)) return []
  const [keys, values] = [required(field.keys), required(field.values)]
  return Object.entries(value).flatMap(([key, v]) => [
    ...(keys ? checkField(keys, key, `${path}.${key}`) : []),
    ...(values ? checkField(values, v, `${path}.${key}`) : []),
  ])
}

function ownViolation(field: FieldSchema, value: unknown): string | undefined {
  if (field.one_of && !field.one_of.includes(value)) return `expected one of: ${field.one_of.join(', ')}`
  if (typeof value === 'number') {
    if (field.gt !== undefined && value <= field.gt) return `value must be greater than ${field.gt}`
    const [low, high] = field.between ?? [-Infinity, Infinity]
    return value < low || value > high ? `value should be between ${low} and ${high}` : undefined
  }
  const length = lengthOf(value)
  // Kong takes no empty string unless the schema says len_min = 0.
  const least = field.len_min ?? (field.type === 'string' ? 1 : 0)
  if (length !== undefined && length < least) return `length must be at least ${least}`
  if (length !== undefined && field.len_max !== undefined && length > field.len_max) {
    return `length must be at most ${field.len_max}`
  }
  if (typeof value !== 'string') return undefined
  if (field.match !== undefined && !luaPattern(field.match).test(value)) return `invalid value: ${value}`
  const any = field.match_any
  if (any && !any.patterns.some((pattern) => luaPattern(pattern).test(value))) {
    return any.err ?? `invalid value: ${value}`
  }
  return undefined
}

function lengthOf(value: unknown): number | undefined {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (Array.isArray(value)) return value.length
  return isValues(value) ? Object.keys(value).length : undefined
}
