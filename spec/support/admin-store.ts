import type { FieldEntry } from '../../dev/gateway/plugin-info.ts'
import { violations } from '../../dev/gateway/schema-check.ts'
import { isValues, namedFields, type Values, withDefaults } from '../../dev/gateway/schema-defaults.ts'
import {
  danglingReference,
  duplicate,
  entityProblem,
  invalidOption,
  schemaViolation,
} from './admin-answers.ts'
import { type Collection, ENTITY_FIELDS, type InstalledPlugin } from './admin-fields.ts'

export type Entity = Values & { readonly id: string }

export interface Randomness {
  /** Milliseconds since 1970. */
  readonly clock: () => number
  readonly id: () => string
  /** The key of a credential that is created without one. */
  readonly key: () => string
}

const UNIQUE: Readonly<Record<Collection, readonly (readonly string[])[]>> = {
  services: [['name']],
  routes: [['name']],
  consumers: [['username'], ['custom_id']],
  'key-auths': [['key']],
  plugins: [['name', 'route', 'service', 'consumer']],
}
const REFERENCES = { service: 'services', route: 'routes', consumer: 'consumers' } as const
export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Kong's entities, in memory, with Kong's rules. Every method throws Refused with what Kong would answer. */
export class AdminStore {
  readonly #plugins: Readonly<Record<string, InstalledPlugin>>
  readonly #random: Randomness
  readonly #entities = new Map<string, Entity & { readonly collection: Collection }>()
  /** By credential, milliseconds since 1970. */
  readonly #expiry = new Map<string, number>()

  constructor(plugins: Readonly<Record<string, InstalledPlugin>>, random: Randomness) {
    this.#plugins = plugins
    this.#random = random
  }

  /** In the order of their ids, as Kong has them; expired ones are gone. */
  all(collection: Collection): Entity[] {
    const now = this.#random.clock()
    return [...this.#entities.values()]
      .filter((one) => one.collection === collection && (this.#expiry.get(one.id) ?? now + 1) > now)
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map(({ collection: _, ...entity }) =>
        collection === 'key-auths' ? { ...entity, ttl: this.#ttl(entity.id, now) } : entity,
      )
  }

  /** By id, else by its name. */
  find(collection: Collection, key: string): Entity | undefined {
    const name = collection === 'consumers' ? 'username' : collection === 'key-auths' ? 'key' : 'name'
    return this.all(collection).find((one) => (UUID.test(key) ? one.id === key : one[name] === key))
  }

  create(collection: Collection, given: Values): Entity {
    return this.#write(collection, undefined, given, given)
  }

  /** Puts it in the place of the one with this id or name, if there is one. */
  upsert(collection: Collection, key: string, given: Values): Entity {
    const id = this.find(collection, key)?.id ?? (UUID.test(key) ? key : undefined)
    const name = UUID.test(key) ? {} : { [collection === 'consumers' ? 'username' : 'name']: key }
    return this.#write(collection, id, { ...name, ...given }, given)
  }

  update(
    collection: Collection,
    { id, ttl: _, created_at, updated_at: __, ...current }: Entity,
    given: Values,
  ) {
    return this.#write(collection, id, merged(current, given) as Values, given, created_at)
  }

  /** Takes what refers to it along. */
  delete(id: string): void {
    this.#entities.delete(id)
    this.#expiry.delete(id)
    for (const one of [...this.#entities.values()])
      if (Object.keys(REFERENCES).some((name) => idOf(one[name]) === id)) this.delete(one.id)
  }

  #write(
    collection: Collection,
    known: string | undefined,
    all: Values,
    given: Values,
    created?: unknown,
  ): Entity {
    const { ttl, ...wanted } = all
    const values = this.#valid(collection, wanted)
    this.#unique(collection, known, values)
    const id = known ?? this.#random.id()
    const now = this.#random.clock()
    if (typeof given.ttl === 'number' && given.ttl > 0) this.#expiry.set(id, now + given.ttl * 1000)
    else if (given.ttl === 0) this.#expiry.delete(id)
    const seconds = Math.floor(now / 1000)
    const stamps = collection === 'key-auths' ? {} : { updated_at: seconds }
    this.#entities.set(id, { ...values, id, created_at: created ?? seconds, ...stamps, collection })
    const written = this.all(collection).find((one) => one.id === id)
    if (written === undefined) throw new Error('an entity was written and is gone')
    return written
  }

  #valid(collection: Collection, given: Values): Values {
    const fields = ENTITY_FIELDS[collection]
    const wrong = violations(fields, withDefaults(fields, given), '').map((line) => line.slice(1))
    const plugin = collection === 'plugins' ? this.#plugins[String(given.name)] : undefined
    if (collection === 'plugins' && plugin === undefined && typeof given.name === 'string')
      wrong.push(`name: plugin '${given.name}' not enabled; add it to the 'plugins' configuration property`)
    const config = isValues(given.config) ? given.config : {}
    if (plugin)
      wrong.push(
        ...violations(
          plugin.fields,
          withDefaults(plugin.fields, withoutReferences(config) as Values),
          'config',
        ),
      )
    if (wrong.length > 0) throw schemaViolation(wrong)
    if (plugin?.oneOf?.every((name) => config[name] === undefined || config[name] === null))
      throw entityProblem(missing(plugin.oneOf.map((name) => `config.${name}`)))
    const values = filled(fields, given)
    if (plugin) values.config = filled(plugin.fields, config)
    if (collection === 'key-auths') values.key ??= this.#random.key()
    if (collection === 'consumers' && values.username === null && values.custom_id === null)
      throw entityProblem(missing(['custom_id', 'username']))
    for (const [name, entity] of Object.entries(REFERENCES)) {
      const reference = values[name]
      if (!isValues(reference)) continue
      const found = this.find(entity, String(reference.id ?? reference.name ?? reference.username))
      if (found === undefined) throw danglingReference({ [name]: reference }, entity)
      values[name] = { id: found.id }
    }
    return values
  }

  #unique(collection: Collection, id: string | undefined, values: Values): void {
    for (const names of UNIQUE[collection]) {
      if (names.length === 1 && values[names[0] ?? ''] === null) continue
      const identity = (one: Values) => JSON.stringify(names.map((name) => one[name] ?? null))
      const taken = this.all(collection).some((one) => one.id !== id && identity(one) === identity(values))
      if (taken) throw duplicate(Object.fromEntries(names.map((name) => [name, values[name]])))
    }
  }

  #ttl(id: string, now: number): number | null {
    const expiry = this.#expiry.get(id)
    return expiry === undefined ? null : Math.floor((expiry - now) / 1000)
  }
}

/** @throws Refused for a time that Kong does not take */
export function checkTtl(ttl: unknown): void {
  if (ttl === undefined || ttl === null) return
  if (typeof ttl !== 'number' || !Number.isInteger(ttl) || ttl < 0 || ttl > 100_000_000)
    throw invalidOption('ttl', 'must be an integer between 0 and 100000000')
}

function idOf(reference: unknown): unknown {
  return isValues(reference) ? reference.id : undefined
}

function missing(names: readonly string[]): string {
  return `at least one of these fields must be non-empty: ${names.map((name) => `'${name}'`).join(', ')}`
}

/** With defaults, and null for what is unset: the Admin API shows every field. */
function filled(fields: readonly FieldEntry[], given: Values): Values {
  const values = withDefaults(fields, given)
  for (const [name, { fields: inner }] of namedFields(fields)) {
    const value = values[name]
    if (given[name] === null || value === undefined) values[name] = null
    else if (inner && isValues(value)) values[name] = filled(inner, isValues(given[name]) ? given[name] : {})
  }
  return values
}

/** PATCH goes into records; everything else is replaced. */
function merged(current: unknown, given: unknown): unknown {
  if (!isValues(current) || !isValues(given)) return given
  const names = new Set([...Object.keys(current), ...Object.keys(given)])
  return Object.fromEntries(
    [...names].map((name) => [name, name in given ? merged(current[name], given[name]) : current[name]]),
  )
}

/** Kong takes a vault reference for any value of a referenceable field. */
function withoutReferences(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutReferences).filter((one) => one !== undefined)
  if (isValues(value))
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, withoutReferences(one)]))
  return typeof value === 'string' && /^\{vault:\/\/.*\}$/.test(value) ? undefined : value
}
