import { config as declared } from '../../schema/config.ts'
import { fieldAt, isReference, type Shape } from '../../schema/fields.ts'
import { Failure } from '../failure.ts'
import { hasCredentials } from '../options/webhook-url.ts'
import { json } from '../output/text.ts'
import { isSecret } from './config-changes.ts'
import type { PluginConfig } from './kong-state.ts'

type Config = Record<string, unknown>

/**
 * The plugin's configuration from `--config` and, over it, `--set`.
 * @param text JSON
 * @param sets `name=value` with dotted names; an empty value unsets
 * @throws Failure that names the option and no value, with exit code 2
 */
export function configFrom(text: string | undefined, sets: readonly string[]): PluginConfig {
  const config = text === undefined ? {} : configFile(text)
  for (const set of sets) {
    const at = set.indexOf('=')
    if (at < 1) throw new Failure('--set: it is not name=value', 2)
    const path = set.slice(0, at)
    put(config, path.split('.'), valueFor(path, set.slice(at + 1)))
  }
  return config
}

function configFile(text: string): Config {
  const value = parsed('--config', text)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Failure('--config: it is no JSON object', 2)
  return value as Config
}

/** Hides V8's message, which repeats the text, because that may contain secrets. */
function parsed(option: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Failure(`${option}: it is no JSON`, 2)
  }
}

function valueFor(path: string, text: string): unknown {
  const field = fieldAt(declared, path)
  if (field === undefined) throw new Failure(`--set: the configuration has no field ${json(path)}`, 2)
  const value = text === '' ? null : valueAs(path, field, text)
  const secret = secretIn(path, field, value)
  if (secret !== undefined)
    throw new Failure(
      `--set ${secret}: a secret does not belong among the arguments, which every user of the machine can read: give {vault://…}, or --config with a file`,
      2,
    )
  return value
}

/** The path of the first secret in a value: a field that Kong encrypts, at any depth, or a URL with credentials. */
function secretIn(path: string, field: Shape | undefined, value: unknown): string | undefined {
  if (value === null || value === '') return undefined
  if (isSecret(field)) return [value].flat(Infinity).every(isReference) ? undefined : path
  if (typeof value === 'string') return hasCredentials(value) ? path : undefined
  if (typeof value !== 'object') return undefined
  const inner = (name: string): Shape | undefined => {
    if (field === undefined) return undefined
    return 'elements' in field
      ? field.elements
      : field.type === 'record'
        ? fieldAt(field.fields, name)
        : undefined
  }
  return Object.entries(value)
    .map(([name, one]) => secretIn(Array.isArray(value) ? path : `${path}.${name}`, inner(name), one))
    .find((one) => one !== undefined)
}

/** Any other value is sent to Kong as it is, and Kong says what is wrong with it. */
function valueAs(path: string, field: Shape, text: string): unknown {
  switch (field.type) {
    case 'integer':
    case 'number':
      return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text
    case 'array':
    case 'set': {
      if (text.startsWith('[')) return parsed(`--set ${path}`, text)
      return text.split(',').map((one) => valueAs(path, field.elements, one.trim()))
    }
    case 'record':
      return parsed(`--set ${path}`, text)
    default:
      return text
  }
}

function put(into: Config, [name = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    into[name] = value
    return
  }
  const there = into[name]
  const inner = typeof there === 'object' && there !== null && !Array.isArray(there) ? (there as Config) : {}
  into[name] = inner
  put(inner, rest, value)
}
