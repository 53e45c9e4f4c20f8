import type { Field } from '../../../schema/fields.ts'
import { type KeyField, type KeySettings, key } from '../../../schema/key.ts'

/** One key as the registry keeps it: the hash `keyName(id)`, every value text. `created_at` makes a hash a registered key. */
export interface RegisteredKey {
  readonly id: string
  /** Milliseconds since 1970. */
  readonly createdAt: number
  /** Milliseconds since 1970. */
  readonly updatedAt: number
  /** Counts up with every `vk keys reset`. */
  readonly epoch: number
  readonly settings: KeySettings
}

export const KEY_FIELDS = Object.keys(key) as readonly KeyField[]

/** A value that is not what its field takes. The message names field and value, but no webhook: its path may be a secret. */
export class FieldError extends Error {
  override readonly name = 'FieldError'
  readonly field: KeyField

  constructor(field: KeyField, problem: string) {
    super(`${field}: ${problem}`)
    this.field = field
  }
}

/** The text that Redis keeps. '' = not set: the configuration stands. Arrays are separated by commas. */
export function textOf(value: KeySettings[KeyField]): string {
  if (value === undefined || value === false) return ''
  return value === true ? '1' : String(value)
}

/**
 * Reads the text of a field, as Redis keeps it or as an operator writes it; '' = not set.
 * @throws FieldError
 */
export function valueFrom<F extends KeyField>(name: F, text: string): KeySettings[F] | undefined {
  if (text === '') return undefined
  return parsed(name, key[name], text) as KeySettings[F]
}

function parsed(name: KeyField, field: Field, text: string): unknown {
  switch (field.type) {
    case 'boolean': {
      if (/^(1|true|yes)$/i.test(text)) return true
      if (/^(0|false|no)$/i.test(text)) return undefined
      throw new FieldError(name, `${JSON.stringify(text)} is neither true nor false`)
    }
    case 'array':
      return text
        .split(',')
        .map((one) =>
          integer(name, field.elements as { readonly between?: readonly [number, number] }, one.trim()),
        )
    case 'integer':
    case 'number':
      return integer(name, field, text)
    case 'string':
      return string(name, field, text)
    default:
      throw new FieldError(name, 'no value of it can be written as text')
  }
}

function integer(
  name: KeyField,
  field: { readonly between?: readonly [number, number] },
  text: string,
): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  const [least, most] = field.between ?? [0, Number.MAX_SAFE_INTEGER]
  if (!(value >= least && value <= most)) {
    throw new FieldError(name, `${JSON.stringify(text)} is no integer from ${least} to ${most}`)
  }
  return value
}

function string(name: KeyField, field: { readonly one_of?: readonly string[] }, text: string): string {
  if (field.one_of && !field.one_of.includes(text)) {
    throw new FieldError(name, `${JSON.stringify(text)} is none of ${field.one_of.join(', ')}`)
  }
  if (name === 'alert_webhook' && !(/^https?:\/\//.test(text) && URL.canParse(text))) {
    throw new FieldError(name, `its ${text.length} characters are no http or https URL`)
  }
  return text
}

/**
 * undefined where the hash is no registered key: it is empty, or holds only the epoch of a key that is not registered.
 * What cannot be read counts as not set, for people and, by the same rule, for the scripts.
 */
export function keyFrom(id: string, hash: Readonly<Record<string, string>>): RegisteredKey | undefined {
  if (hash.created_at === undefined) return undefined
  const settings: Partial<Record<KeyField, unknown>> = {}
  for (const name of KEY_FIELDS) {
    const value = readable(name, hash[name] ?? '')
    if (value !== undefined) settings[name] = value
  }
  return {
    id,
    createdAt: Number(hash.created_at),
    updatedAt: Number(hash.updated_at ?? hash.created_at),
    epoch: Number(hash.epoch ?? 0),
    settings: settings as KeySettings,
  }
}

function readable(name: KeyField, text: string): unknown {
  try {
    // An operator may write true and yes; scripts know only what is written here.
    return key[name].type === 'boolean' && text !== '1' ? undefined : valueFrom(name, text)
  } catch (error) {
    if (error instanceof FieldError) return undefined
    throw error
  }
}
