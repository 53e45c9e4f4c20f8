import { loggable } from '../../plugins/virtual-key/outbox/webhook-target.ts'
import { config } from '../../schema/config.ts'
import type { Field, Fields } from '../../schema/fields.ts'
import type { KeyField } from '../../schema/key.ts'
import { shownTime } from '../output/text.ts'

/** Kong resolves it when the plugin starts; it names a secret and is none. */
export function isReference(value: unknown): boolean {
  return typeof value === 'string' && /^\{vault:\/\/.*\}$/.test(value)
}

/** A setting of a key as a plan shows it. A webhook is its origin only: its path may be a secret. */
export function shownSetting(name: KeyField, value: unknown): unknown {
  if (name === 'expires_at' && typeof value === 'number') return shownTime(value)
  return shownConfig(name, value)
}

/** A value of the plugin's configuration as a plan shows it. @param path dotted, such as `webhook.secrets` */
export function shownConfig(path: string, value: unknown): unknown {
  if (value === undefined || value === null) return value
  if (isReference(value)) return value
  if (path === 'alert_webhook') return loggable(String(value))
  return isSecret(fieldAt(path)) ? '(hidden)' : value
}

/** What the plugin's configuration has at a dotted path. */
export function fieldAt(path: string): Omit<Field, 'description'> | undefined {
  let fields: Fields = config
  let field: Field | undefined
  for (const name of path.split('.')) {
    field = Object.hasOwn(fields, name) ? fields[name] : undefined
    fields = field?.type === 'record' ? field.fields : {}
  }
  return field
}

export function isSecret(field: Omit<Field, 'description'> | undefined): boolean {
  const { encrypted, elements } = (field ?? {}) as {
    encrypted?: boolean
    elements?: { encrypted?: boolean }
  }
  return encrypted === true || elements?.encrypted === true
}
