/**
 * Kong's schema language, as far as it is used here, and the TypeScript types of what it describes: the plugin's configuration, a key's
 * record, Kong's own entities and bundled plugins are declared in it. Source: Kong 3.9, kong/db/schema. Only these attributes of a field
 * cross from a plugin server to Kong: no Lua validators, and no checks on `config` itself.
 */

interface Attributes<T> {
  /** The value that Kong fills in if the operator sets none. */
  readonly default?: T
  readonly required?: boolean
  readonly description?: string
  /** The operator may write a vault reference, `{vault://…}`, which Kong resolves before the plugin sees it. */
  readonly referenceable?: boolean
  /** Kong Enterprise encrypts the value in its database; open-source Kong accepts the attribute and ignores it. */
  readonly encrypted?: boolean
  /** The message for every wrong value, instead of Kong's own. */
  readonly err?: string
}

interface StringShape extends Attributes<string> {
  readonly type: 'string'
  readonly one_of?: readonly string[]
  /** A Lua pattern. */
  readonly match?: string
  /** Unit: bytes. Kong accepts an empty string only if this is 0. */
  readonly len_min?: number
  readonly len_max?: number
}

interface NumberShape extends Attributes<number> {
  readonly type: 'integer' | 'number'
  readonly one_of?: readonly number[]
  readonly between?: readonly [number, number]
  readonly gt?: number
}

interface BooleanShape extends Attributes<boolean> {
  readonly type: 'boolean'
}

interface ListShape extends Attributes<readonly unknown[]> {
  readonly type: 'array' | 'set'
  readonly elements: Shape
  readonly len_min?: number
  readonly len_max?: number
}

interface MapShape extends Attributes<Readonly<Record<string, unknown>>> {
  readonly type: 'map'
  readonly keys?: Shape
  readonly values?: Shape
}

interface RecordShape extends Attributes<never> {
  readonly type: 'record'
  readonly fields: Shapes
}

/** The form of a field's values. */
export type Shape = StringShape | NumberShape | BooleanShape | ListShape | MapShape | RecordShape
export type Shapes = { readonly [name: string]: Shape }

/** A field that operators may set, with a description for them. */
export type Field = (Exclude<Shape, RecordShape> | (RecordShape & { readonly fields: Fields })) & {
  readonly description: string
}
export type Fields = { readonly [name: string]: Field }

/** The value of a field that is set. */
export type Value<F> = F extends { type: 'string'; one_of: readonly (infer One)[] }
  ? One
  : F extends { type: 'string' }
    ? string
    : F extends { type: 'integer' | 'number' }
      ? number
      : F extends { type: 'boolean' }
        ? boolean
        : F extends { type: 'array' | 'set'; elements: infer E }
          ? readonly Value<E>[]
          : F extends { type: 'record'; fields: infer R }
            ? Values<R>
            : F extends { type: 'map' }
              ? Readonly<Record<string, unknown>>
              : never

/** Whether a field always has a value. */
export type Given<F> = F extends { default: unknown } | { required: true } ? true : false

/** What a plugin instance gets for a list of fields: defaults are filled in, the rest may be missing. */
export type Values<R> = {
  readonly [N in keyof R as Given<R[N]> extends true ? N : never]: Value<R[N]>
} & {
  readonly [N in keyof R as Given<R[N]> extends true ? never : N]?: Value<R[N]> | undefined
}

/** Fields as Kong reads them and as its Admin API shows them: a list of tables with one member each. */
export type KongFields = ReadonlyArray<Readonly<Record<string, unknown>>>

/** The declaration as Kong reads it. */
export function kongFields(fields: Shapes): Array<Record<string, unknown>> {
  return Object.entries(fields).map(([name, field]) => ({ [name]: kongField(field) }))
}

function kongField(field: Shape): Record<string, unknown> {
  if (field.type === 'record') return { ...field, fields: kongFields(field.fields) }
  if (field.type === 'array' || field.type === 'set') return { ...field, elements: kongField(field.elements) }
  return { ...field }
}

/** The reverse: reads the fields that a plugin server or Kong's Admin API lists. Anything else has no fields. */
export function shapesFrom(fields: unknown): Shapes {
  const entries = Array.isArray(fields) ? fields.flatMap((one) => Object.entries(one as object)) : []
  return Object.fromEntries(entries.map(([name, field]) => [name, shapeFrom(field)]))
}

function shapeFrom(field: { readonly fields?: unknown; readonly elements?: object }): Shape {
  return {
    ...field,
    ...('fields' in field ? { fields: shapesFrom(field.fields) } : {}),
    ...(field.elements === undefined ? {} : { elements: shapeFrom(field.elements) }),
  } as Shape
}

/** The field at a dotted path, such as `redis.host`. */
export function fieldAt(fields: Shapes, path: string): Shape | undefined {
  let [among, field]: [Shapes, Shape | undefined] = [fields, undefined]
  for (const name of path.split('.')) {
    field = Object.hasOwn(among, name) ? among[name] : undefined
    among = field?.type === 'record' ? field.fields : {}
  }
  return field
}

/** The dotted paths of all fields; each record comes before its members. */
export function fieldPaths(fields: Shapes, prefix = ''): string[] {
  return Object.entries(fields).flatMap(([name, field]) => [
    `${prefix}${name}`,
    ...(field.type === 'record' ? fieldPaths(field.fields, `${prefix}${name}.`) : []),
  ])
}

/** Whether Kong has a value resolved from a vault when the plugin starts. The reference names a secret but is not secret itself. */
export function isReference(value: unknown): boolean {
  return typeof value === 'string' && /^\{vault:\/\/.*\}$/.test(value)
}
