import { randomBytes, randomUUID } from 'node:crypto'
import {
  atLeastOneOf,
  DEFINITIONS,
  ENTITY_NAMES,
  type EntityName,
  entityProblems,
  fieldsOf,
  PARENTS,
  type Parent,
} from '../../schema/kong/entities.ts'
import type { PluginDefinition } from '../../schema/kong/plugins.ts'
import {
  danglingReference,
  duplicate,
  entityProblem,
  invalidOption,
  schemaViolation,
} from './admin-answers.ts'
import { isValues, type Values, violations, withDefaults, withNulls } from './validation.ts'

/** As the Admin API shows it: every field, null where it is unset. */
export type Entity = Values & { readonly id: string }

export interface StoreOptions {
  /** The plugins that may be configured, by name. */
  readonly plugins: Readonly<Record<string, PluginDefinition>>
  /** Values that Kong accepts and the user of the store does not support: `path: problem` each. */
  readonly unsupported?: (name: EntityName, values: Values) => string[]
  /** Milliseconds since 1970. */
  readonly clock?: () => number
  /** Makes the id of an entity that is created without one. */
  readonly id?: () => string
  /** Makes the key of a credential that is created without one. */
  readonly key?: () => string
}

export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const PARENT_NAMES = Object.keys(PARENTS) as Parent[]

/** Kong's entities, in memory, by Kong's rules. Every method throws `Refused` with what Kong would answer. */
export class EntityStore {
  readonly plugins: StoreOptions['plugins']
  /** Called after each change. */
  changed: () => void = () => undefined
  readonly #options: Required<Omit<StoreOptions, 'plugins'>>
  #entities = emptyCollections()
  /** When a credential ends, in milliseconds since 1970, by its id. */
  #ends = new Map<string, number>()

  constructor({ plugins, ...options }: StoreOptions) {
    this.plugins = plugins
    this.#options = {
      unsupported: () => [],
      clock: Date.now,
      id: randomUUID,
      key: () => randomBytes(24).toString('base64url'),
      ...options,
    }
  }

  /** In the order of their ids, as in Kong, without expired ones. */
  all(name: EntityName): Entity[] {
    return [...this.#entities[name].values()]
      .filter(({ id }) => !this.isOver(id))
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map((one) => this.#shown(name, one))
  }

  /** In the order in which they were made; each the same object until it is changed. */
  stored(name: EntityName): Iterable<Entity> {
    return this.#entities[name].values()
  }

  /** Whether a credential still works. */
  isOver(id: string): boolean {
    return (this.#ends.get(id) ?? Number.POSITIVE_INFINITY) <= this.#options.clock()
  }

  /** By id, else by its name. */
  find(name: EntityName, key: string): Entity | undefined {
    const called = DEFINITIONS[name].name
    const found = UUID.test(key)
      ? this.#entities[name].get(key)
      : [...this.#entities[name].values()].find((one) => one[called] === key && !this.isOver(one.id))
    return found && !this.isOver(found.id) ? this.#shown(name, found) : undefined
  }

  create(name: EntityName, given: Values): Entity {
    return this.#changing(() => this.#write(name, undefined, given, given))
  }

  /** Creates it, or replaces the one with this id or name. */
  upsert(name: EntityName, key: string, given: Values): Entity {
    const byId = UUID.test(key)
    const id = this.find(name, key)?.id ?? (byId ? key : undefined)
    const named = byId ? {} : { [DEFINITIONS[name].name]: key }
    return this.#changing(() => this.#write(name, id, { ...named, ...given }, given))
  }

  update(
    name: EntityName,
    { id, ttl: _, created_at, updated_at: __, ...current }: Entity,
    given: Values,
  ): Entity {
    const values = merged(current, withUrl(name, given)) as Values
    return this.#changing(() => this.#write(name, id, values, given, created_at))
  }

  /** Deletes it, and everything that refers to it. */
  delete(id: string): void {
    this.#changing(() => this.#remove(id))
  }

  /** Replaces all entities; if one is refused, nothing changes. @param entities each after those to which it refers */
  load(entities: ReadonlyArray<{ readonly name: EntityName; readonly values: Entity }>): void {
    const before = [this.#entities, this.#ends] as const
    this.#entities = emptyCollections()
    this.#ends = new Map()
    try {
      const seen = new Set<string>()
      for (const { name, values } of entities) {
        const { id, ...given } = values
        const written = this.#put(name, id, this.#valid(name, given), {})
        for (const fields of DEFINITIONS[name].unique) {
          const identity = identityOf(fields, written)
          if (identity === undefined) continue
          if (seen.has(`${name} ${identity}`)) throw duplicate(pick(fields, written))
          seen.add(`${name} ${identity}`)
        }
      }
    } catch (error) {
      ;[this.#entities, this.#ends] = before
      throw error
    }
    this.changed()
  }

  /** What is wrong with the values of an entity: of single fields, `path: problem`, and of the whole. References are not followed. */
  problems(name: EntityName, given: Values): { readonly fields: string[]; readonly whole: string[] } {
    const fields = fieldsOf(name)
    const values = withDefaults(fields, withUrl(name, given))
    const wrong = violations(fields, values, '')
    const whole = entityProblems(name, values)
    const plugin = this.plugins[String(values.name)]
    if (name === 'plugins' && plugin !== undefined) {
      const config = withDefaults(plugin.fields, isValues(values.config) ? values.config : {})
      wrong.push(...violations(plugin.fields, config, 'config'))
      if (plugin.notOnConsumer && values.consumer !== undefined) wrong.push('consumer: value must be null')
      const unset = (field: string) => config[field] === undefined || [config[field]].flat().length === 0
      if (plugin.atLeastOneOf?.every(unset))
        whole.push(atLeastOneOf(plugin.atLeastOneOf.map((field) => `config.${field}`)))
    } else if (name === 'plugins' && typeof values.name === 'string')
      wrong.push(`name: plugin '${values.name}' not enabled; add it to the 'plugins' configuration property`)
    wrong.push(...this.#options.unsupported(name, values))
    return { fields: wrong, whole }
  }

  #changing<T>(change: () => T): T {
    const made = change()
    this.changed()
    return made
  }

  #write(name: EntityName, known: string | undefined, all: Values, given: Values, created?: unknown): Entity {
    const { ttl: _, ...wanted } = all
    const values = this.#valid(name, wanted)
    this.#checkUnique(name, known, values)
    return this.#shown(name, this.#put(name, known ?? this.#options.id(), values, given, created))
  }

  #put(name: EntityName, id: string, values: Values, { ttl }: Values, created?: unknown): Entity {
    const now = this.#options.clock()
    if (typeof ttl === 'number' && ttl > 0) this.#ends.set(id, now + ttl * 1000)
    else if (ttl === 0) this.#ends.delete(id)
    const seconds = Math.floor(now / 1000)
    const stamps = name === 'keyauth_credentials' ? {} : { updated_at: seconds }
    const entity = { ...values, id, created_at: created ?? seconds, ...stamps }
    this.#entities[name].set(id, entity)
    return entity
  }

  #valid(name: EntityName, given: Values): Values {
    const { fields, whole } = this.problems(name, given)
    if (fields.length > 0) throw schemaViolation(fields)
    if (whole.length > 0) throw entityProblem(whole.join('; '))
    const values = withNulls(fieldsOf(name), withUrl(name, given))
    const plugin = name === 'plugins' ? this.plugins[String(given.name)] : undefined
    if (plugin) values.config = withNulls(plugin.fields, isValues(given.config) ? given.config : {})
    if (name === 'keyauth_credentials') values.key ??= this.#options.key()
    for (const parent of PARENT_NAMES) {
      const reference = values[parent]
      if (!isValues(reference)) continue
      const collection = PARENTS[parent]
      const found = this.find(collection, String(reference.id ?? reference[DEFINITIONS[collection].name]))
      if (found === undefined) throw danglingReference({ [parent]: reference }, collection)
      values[parent] = { id: found.id }
    }
    return values
  }

  #checkUnique(name: EntityName, id: string | undefined, values: Values): void {
    for (const fields of DEFINITIONS[name].unique) {
      const own = identityOf(fields, values)
      if (own === undefined) continue
      const others = [...this.#entities[name].values()].filter((one) => one.id !== id && !this.isOver(one.id))
      if (others.some((one) => identityOf(fields, one) === own)) throw duplicate(pick(fields, values))
    }
  }

  #remove(id: string): void {
    for (const name of ENTITY_NAMES) this.#entities[name].delete(id)
    this.#ends.delete(id)
    for (const name of ENTITY_NAMES)
      for (const one of [...this.#entities[name].values()])
        if (PARENT_NAMES.some((parent) => isValues(one[parent]) && one[parent].id === id))
          this.#remove(one.id)
  }

  /** A credential shows how many seconds are left; null means for ever. */
  #shown(name: EntityName, entity: Entity): Entity {
    if (name !== 'keyauth_credentials') return entity
    const end = this.#ends.get(entity.id)
    return { ...entity, ttl: end === undefined ? null : Math.floor((end - this.#options.clock()) / 1000) }
  }
}

/** @throws Refused for a time to live that Kong does not take */
export function checkTtl(ttl: unknown): void {
  if (ttl === undefined || ttl === null) return
  if (typeof ttl !== 'number' || !Number.isInteger(ttl) || ttl < 0 || ttl > 100_000_000)
    throw invalidOption('ttl', 'must be an integer between 0 and 100000000')
}

/** @returns undefined for null, which is never a duplicate of another null */
function identityOf(fields: readonly string[], values: Values): string | undefined {
  const own = fields.map((field) => values[field] ?? null)
  return own.length === 1 && own[0] === null ? undefined : JSON.stringify(own)
}

function pick(fields: readonly string[], values: Values): Values {
  return Object.fromEntries(fields.map((field) => [field, values[field]]))
}

function emptyCollections(): Readonly<Record<EntityName, Map<string, Entity>>> {
  const empty = ENTITY_NAMES.map((name): [EntityName, Map<string, Entity>] => [name, new Map()])
  return Object.fromEntries(empty) as Record<EntityName, Map<string, Entity>>
}

/** Kong's shorthand for four fields of a service. Source: Kong 3.9, kong/db/schema/entities/services.lua. */
function withUrl(name: EntityName, { url, ...values }: Values): Values {
  if (name !== 'services' || url === undefined) return url === undefined ? values : { url, ...values }
  if (typeof url !== 'string' || !URL.canParse(url)) return values
  const { protocol, hostname, port } = new URL(url)
  const [, path = null] = /^[^:]+:\/\/[^/?#]*(\/[^?#]*)/.exec(url) ?? []
  const preset = protocol === 'https:' ? 443 : 80
  return { protocol: protocol.slice(0, -1), host: hostname, port: Number(port || preset), path, ...values }
}

/** PATCH merges records; every other value is replaced. */
function merged(current: unknown, given: unknown): unknown {
  if (!isValues(current) || !isValues(given)) return given
  const names = new Set([...Object.keys(current), ...Object.keys(given)])
  return Object.fromEntries(
    [...names].map((name) => [name, name in given ? merged(current[name], given[name]) : current[name]]),
  )
}
