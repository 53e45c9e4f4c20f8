/**
 * The part of Kong's schema language that crosses from a plugin server to Kong, and the TypeScript type of what Kong then hands
 * back. Source: Kong 3.9, kong/db/schema; only field attributes cross, no Lua validators and no checks on `config` itself.
 */

interface Attributes<T> {
  /** What Kong fills in where the operator says nothing. */
  readonly default?: T
  readonly required?: boolean
  readonly description: string
  /** The operator may write a vault reference, `{vault://…}`, which Kong resolves before the plugin sees it. */
  readonly referenceable?: boolean
  /** Kong Enterprise encrypts the value in its database; open-source Kong accepts the attribute and ignores it. */
  readonly encrypted?: boolean
}

interface StringField extends Attributes<string> {
  readonly type: 'string'
  readonly one_of?: readonly string[]
  /** A Lua pattern. */
  readonly match?: string
  readonly len_min?: number
}

interface NumberField extends Attributes<number> {
  readonly type: 'integer' | 'number'
  readonly between?: readonly [number, number]
  readonly gt?: number
}

interface BooleanField extends Attributes<boolean> {
  readonly type: 'boolean'
}

interface ArrayField extends Attributes<readonly unknown[]> {
  readonly type: 'array'
  readonly elements: Element
}

interface RecordField extends Attributes<never> {
  readonly type: 'record'
  readonly fields: Fields
}

export type Field = StringField | NumberField | BooleanField | ArrayField | RecordField
type Element = Field extends infer F ? (F extends Field ? Omit<F, 'description'> : never) : never
export type Fields = { readonly [name: string]: Field }

type Value<F> = F extends { type: 'string'; one_of: readonly (infer One)[] }
  ? One
  : F extends { type: 'string' }
    ? string
    : F extends { type: 'integer' | 'number' }
      ? number
      : F extends { type: 'boolean' }
        ? boolean
        : F extends { type: 'array'; elements: infer E }
          ? readonly Value<E>[]
          : F extends { type: 'record'; fields: infer R }
            ? Values<R>
            : never

type Given<F> = F extends { default: unknown } | { required: true } ? true : false

/** What a plugin instance gets for a list of fields: defaults are filled in, the rest may be missing. */
export type Values<R> = {
  readonly [N in keyof R as Given<R[N]> extends true ? N : never]: Value<R[N]>
} & {
  readonly [N in keyof R as Given<R[N]> extends true ? never : N]?: Value<R[N]> | undefined
}

/** The same declaration as Kong reads it: every list of fields an array of one-member tables, in order. */
export function kongFields(fields: Fields): Array<Record<string, unknown>> {
  return Object.entries(fields).map(([name, field]) => ({ [name]: kongField(field) }))
}

function kongField(field: Field | Element): Record<string, unknown> {
  if (field.type === 'record') return { ...field, fields: kongFields(field.fields) }
  if (field.type === 'array') return { ...field, elements: kongField(field.elements) }
  return { ...field }
}
