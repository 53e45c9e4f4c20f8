import { isReference, type Shape, type Shapes } from '../../schema/fields.ts'

/** Checks values by Kong's schema language: defaults, and Kong's messages for wrong values. */

export type Values = Record<string, unknown>

export function isValues(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * A configuration with Kong's defaults: a missing field gets its default, a missing required record its nested defaults;
 * what stays unset is left out, because Kong drops nulls before a plugin sees them.
 */
export function withDefaults(fields: Shapes, given: Values): Values {
  const filled: Values = { ...given }
  for (const [name, field] of Object.entries(fields)) {
    const value = fill(field, given[name])
    if (value === undefined || value === null) delete filled[name]
    else filled[name] = value
  }
  return filled
}

function fill(field: Shape, value: unknown): unknown {
  if (value === undefined) {
    if (field.default !== undefined) return fill(field, structuredClone(field.default))
    return field.type === 'record' && field.required ? withDefaults(field.fields, {}) : undefined
  }
  if (field.type === 'record' && isValues(value)) return withDefaults(field.fields, value)
  if ('elements' in field && Array.isArray(value)) return value.map((item) => fill(field.elements, item))
  return value
}

/** With defaults, and null for what is unset: the Admin API shows every field. */
export function withNulls(fields: Shapes, given: Values): Values {
  const values = withDefaults(fields, given)
  for (const [name, field] of Object.entries(fields)) {
    const value = values[name]
    if (given[name] === null || value === undefined) values[name] = null
    else if (field.type === 'record' && isValues(value))
      values[name] = withNulls(field.fields, isValues(given[name]) ? given[name] : {})
  }
  return values
}

/** Attributes that do not restrict a value, or that this file enforces. Others are refused instead of being ignored silently. */
const KNOWN = new Set(
  `type default required one_of between gt match len_min len_max err elements keys values fields
   referenceable encrypted description`.split(/\s+/),
)

const TYPES: Record<Shape['type'], (value: unknown) => boolean> = {
  string: (value) => typeof value === 'string',
  integer: Number.isInteger,
  number: (value) => typeof value === 'number',
  boolean: (value) => typeof value === 'boolean',
  array: Array.isArray,
  set: Array.isArray,
  map: isValues,
  record: isValues,
}

/**
 * What Kong would answer a configuration with, one `path: message` per violation; empty when it is valid.
 * @param path in front of every field's name; '': none
 */
export function violations(fields: Shapes, values: Values, path: string): string[] {
  const at = (name: string) => (path === '' ? name : `${path}.${name}`)
  const unknown = Object.keys(values).filter((name) => !Object.hasOwn(fields, name))
  return [
    ...unknown.map((name) => `${at(name)}: unknown field`),
    ...Object.entries(fields).flatMap(([name, field]) => checkField(field, values[name], at(name))),
  ]
}

function checkField(field: Shape, value: unknown, path: string): string[] {
  const strange = Object.keys(field).find((attribute) => !KNOWN.has(attribute))
  if (strange) return [`${path}: schema attribute '${strange}' is not supported by the development gateway`]
  if (value === undefined || value === null) return field.required ? [`${path}: required field missing`] : []
  const ofType = TYPES[field.type]
  if (!ofType) return [`${path}: invalid type: ${field.type}`]
  if (!ofType(value)) return [`${path}: expected ${/^[aeiou]/.test(field.type) ? 'an' : 'a'} ${field.type}`]
  if (field.referenceable && isReference(value)) return []
  const own = ownViolation(field, value)
  return [...(own === undefined ? [] : [`${path}: ${field.err ?? own}`]), ...within(field, value, path)]
}

function within(field: Shape, value: unknown, path: string): string[] {
  if (field.type === 'record' && isValues(value)) return violations(field.fields, value, path)
  const check = (inner: Shape | undefined, one: unknown, at: string): string[] =>
    inner === undefined ? [] : checkField({ ...inner, required: true }, one, at)
  if ('elements' in field && Array.isArray(value))
    return value.flatMap((one, i) => check(field.elements, one, `${path}[${i + 1}]`))
  if (field.type !== 'map' || !isValues(value)) return []
  return Object.entries(value).flatMap(([key, one]) => [
    ...check(field.keys, key, `${path}.${key}`),
    ...check(field.values, one, `${path}.${key}`),
  ])
}

function ownViolation(field: Shape, value: unknown): string | undefined {
  if ('one_of' in field && !(field.one_of as readonly unknown[]).includes(value))
    return `expected one of: ${field.one_of?.join(', ')}`
  if (typeof value === 'number') {
    const { gt, between: [low, high] = [-Infinity, Infinity] } = field as Shape & { type: 'number' }
    if (gt !== undefined && value <= gt) return `value must be greater than ${gt}`
    return value < low || value > high ? `value should be between ${low} and ${high}` : undefined
  }
  const { len_min, len_max, match } = field as Shape & { type: 'string' }
  const length = lengthOf(value)
  // Kong takes no empty string unless the schema says len_min = 0.
  const least = len_min ?? (field.type === 'string' ? 1 : 0)
  if (length !== undefined && length < least) return `length must be at least ${least}`
  if (length !== undefined && len_max !== undefined && length > len_max)
    return `length must be at most ${len_max}`
  const fits = typeof value !== 'string' || match === undefined || luaPattern(match).test(value)
  return fits ? undefined : `invalid value: ${value}`
}

function lengthOf(value: unknown): number | undefined {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (Array.isArray(value)) return value.length
  return isValues(value) ? Object.keys(value).length : undefined
}

const CLASSES: Record<string, string> = {
  a: 'A-Za-z',
  d: '0-9',
  l: 'a-z',
  s: ' \\t-\\r',
  u: 'A-Z',
  w: 'A-Za-z0-9',
  x: '0-9A-Fa-f',
}

/** Schema fields carry Lua patterns, not regular expressions. @throws Error for one that has no exact equal in JavaScript */
export function luaPattern(pattern: string): RegExp {
  let source = ''
  let inSet = false
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern.charAt(i)
    if (char === '%') {
      const next = pattern.charAt(++i)
      const known = CLASSES[next]
      if (known) source += inSet ? known : `[${known}]`
      else if (/[A-Za-z0-9]/.test(next) || next === '') throw new Error(`Lua pattern '${pattern}': %${next}`)
      else source += `\\${next}`
    } else if (inSet) {
      inSet = char !== ']'
      source += char === '\\' || char === '[' ? `\\${char}` : char
    } else if (char === '[') {
      inSet = true
      source += char
    } else if (char === '-') source += '*?'
    else if ('^$.*+?()'.includes(char)) source += anchor(char, i, pattern)
    else source += /[\\/{}|\]]/.test(char) ? `\\${char}` : char
  }
  return new RegExp(source, 's')
}

/** `^` and `$` are anchors only at the ends of a Lua pattern. */
function anchor(char: string, at: number, pattern: string): string {
  if (char === '^' && at > 0) return '\\^'
  if (char === '$' && at < pattern.length - 1) return '\\$'
  return char
}
