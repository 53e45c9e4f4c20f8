import { type Command, Option } from 'commander'
import { FieldError, KEY_FIELDS, valueFrom } from '../../plugins/virtual-key/registry/key-record.ts'
import { LONGEST_ID, usable } from '../../plugins/virtual-key/request/identity.ts'
import type { Field } from '../../schema/fields.ts'
import { type KeyField, type KeySettings, key } from '../../schema/key.ts'
import { Failure } from '../failure.ts'
import { inputFrom, OR_STDIN, type Stdin } from './input-file.ts'
import { fromRfc3339, secondsFrom } from './time.ts'
import { hasCredentials } from './webhook-url.ts'

/** Fields without an option: `vk keys disable` and requests write them. */
type Written = 'disabled' | 'used_at'
type Camel<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : S

/** The settings of a key as commander hands them over: text, or true for a flag. */
export type KeyOptions = {
  readonly [N in Exclude<KeyField, Written> as Camel<N>]?: string | true
} & { readonly expiresIn?: string; readonly alertWebhookFile?: string }

/** Settings to write; undefined clears a field. */
export type KeyChanges = { readonly [N in KeyField]?: KeySettings[N] | undefined }

const SETTABLE = KEY_FIELDS.filter((name) => name !== 'disabled' && name !== 'used_at')

/** A hundred years. Unit: seconds. */
const LONGEST = 36_525 * 86_400

/** The options for the settings of a key, from schema/key.ts. */
export function withKeySettings(command: Command): Command {
  for (const name of SETTABLE) command.addOption(optionOf(name))
  return command
    .option('--expires-in <30d|12h|45m>', 'expires the key after this time, counted from now')
    .option(
      '--alert-webhook-file <file>',
      `reads the webhook URL from a file (${OR_STDIN}), because its path may be a secret`,
    )
}

/** The option that clears fields. */
export function withUnset(command: Command): Command {
  return command.option(
    '--unset <field,…>',
    "clears settings, so that those of the plugin's configuration hold",
  )
}

/**
 * What the options say about a key.
 * @param now milliseconds since 1970
 * @throws Failure that names the option, with exit code 2
 */
export async function settingsFrom(options: KeyOptions, now: number, context: Stdin): Promise<KeySettings> {
  const settings: Partial<Record<KeyField, unknown>> = {}
  for (const name of SETTABLE) {
    const text = await textFor(name, options, now, context)
    if (text !== undefined) settings[name] = checked(name, text)
  }
  return settings as KeySettings
}

/** @param text of `--unset`, in the spelling of the fields or of the options @throws Failure for what is no field */
export function unsetFrom(text: string | undefined): KeyChanges {
  const names = text?.split(',').map((name) => name.trim().replace(/^--/, '').replaceAll('-', '_')) ?? []
  const wrong = names.find((name) => !KEY_FIELDS.includes(name as KeyField))
  if (wrong !== undefined) {
    throw new Failure(`--unset: ${JSON.stringify(wrong)} is none of ${KEY_FIELDS.join(', ')}`, 2)
  }
  return Object.fromEntries(names.map((name) => [name, undefined]))
}

function optionOf(name: KeyField): Option {
  const field: Field = key[name]
  const spelled = flagOf(name)
  if (name === 'expires_at') {
    const description = field.description.replace(
      'in milliseconds since 1970',
      'such as 2026-12-31T18:00:00Z',
    )
    return new Option(`${spelled} <time>`, description)
  }
  if (field.type === 'boolean') return new Option(spelled, field.description)
  return new Option(`${spelled} <${placeholder(field)}>`, field.description)
}

function placeholder(field: Field): string {
  if (field.type === 'array') return 'n,…'
  if (field.type === 'integer') return 'n'
  return field.type === 'string' && field.one_of ? field.one_of.join('|') : 'text'
}

function flagOf(name: KeyField): string {
  return `--${name.replaceAll('_', '-')}`
}

async function textFor(
  name: KeyField,
  options: KeyOptions,
  now: number,
  context: Stdin,
): Promise<string | undefined> {
  const attribute = name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())
  const given = (options as Readonly<Record<string, string | true | undefined>>)[attribute]
  if (name === 'expires_at') return expiry(given, options.expiresIn, now)
  if (name === 'alert_webhook') return webhook(given, options.alertWebhookFile, context)
  return given === true ? 'true' : given
}

function checked(name: KeyField, text: string): unknown {
  if (text === '') throw new Failure(`${flagOf(name)}: it is empty; --unset ${name} clears it`, 2)
  try {
    return valueFrom(name, text)
  } catch (cause) {
    if (!(cause instanceof FieldError)) throw cause
    // The message starts with the name of the field; the option replaces it.
    throw new Failure(`${flagOf(name)}${cause.message.slice(name.length)}`, 2, { cause })
  }
}

function expiry(at: string | true | undefined, span: string | undefined, now: number): string | undefined {
  if (at !== undefined && span !== undefined)
    throw new Failure('give --expires-at or --expires-in, not both', 2)
  if (typeof at === 'string') {
    const time = fromRfc3339(at)
    if (time !== undefined) return String(time)
    throw new Failure(`--expires-at: ${JSON.stringify(at)} is no time such as 2026-12-31T18:00:00Z`, 2)
  }
  if (span === undefined) return undefined
  return String(now + secondsFrom('--expires-in', span, 0, LONGEST) * 1000)
}

async function webhook(
  url: string | true | undefined,
  file: string | undefined,
  context: Stdin,
): Promise<string | undefined> {
  if (file === undefined) {
    if (typeof url === 'string' && hasCredentials(url)) {
      throw new Failure(
        '--alert-webhook: credentials do not belong among the arguments, see --alert-webhook-file',
        2,
      )
    }
    return url === true ? undefined : url
  }
  if (url !== undefined) throw new Failure('give --alert-webhook or --alert-webhook-file, not both', 2)
  return (await inputFrom('--alert-webhook-file', file, context)).trim()
}

/** Why the plugin cannot count under this key id; undefined if it can. No command creates a key with such an id. */
export function unusableId(id: string): string | undefined {
  if (id === '') return 'it is empty'
  // Redis would store another character instead of half a surrogate pair, so that two ids would share one name.
  if (/\p{Cs}/u.test(id)) return 'it holds half a character'
  if (usable(id) === undefined)
    return `its ${id.length} characters are more than the ${LONGEST_ID} of a key id`
  return undefined
}

/** @throws Failure with exit code 2 for an id that names no key */
export function checkId(id: string): void {
  const problem = unusableId(id)
  if (problem !== undefined) throw new Failure(`the key id cannot be used: ${problem}`, 2)
}
