import { createHash } from 'node:crypto'
import { parse } from 'yaml'
import {
  DEFINITIONS,
  ENTITY_NAMES,
  type EntityName,
  PARENTS,
  type Parent,
} from '../../schema/kong/entities.ts'
import type { Entity, EntityStore } from './entity-store.ts'
import { isValues, type Values } from './validation.ts'

/** One entity of a file: its own values, separate from those of entities inside and around it. */
interface Row {
  readonly entity: EntityName
  /** where it stands, e.g. `services[1].routes[2]`, counted from 1 as in Kong's messages */
  readonly at: string
  readonly values: Values
  readonly inside: Partial<Record<Parent, Row>>
  readonly names: Partial<Record<Parent, unknown>>
}

/** Kong's namespace for the ids of entities without one in a declarative file: the same file leads to the same ids everywhere. */
const NAMESPACE = 'fd02801f-0957-4a15-a55a-c8d9606f30b5'
/** Which collections may stand inside an entity, and as what the entity then is referenced. */
const CHILDREN: Record<EntityName, { readonly as?: Parent; readonly may: readonly EntityName[] }> = {
  services: { as: 'service', may: ['routes', 'plugins'] },
  routes: { as: 'route', may: ['plugins'] },
  consumers: { as: 'consumer', may: ['keyauth_credentials', 'plugins'] },
  keyauth_credentials: { may: [] },
  plugins: { may: [] },
}
const ABOUT = new Set(['_format_version', '_transform', '_comment'])

/**
 * Reads a declarative file of format 3.0 into a store, in the place of what was there.
 * @param text YAML or JSON
 * @throws Error naming everything that Kong would reject or this gateway does not support, one line each; the store is unchanged then
 */
export function loadDeclaration(text: string, store: EntityStore): void {
  const rows = rowsOf(parse(text))
  const problems = rows.flatMap(({ entity, at, values, inside, names }) => {
    const bound = Object.fromEntries(Object.keys({ ...inside, ...names }).map((parent) => [parent, {}]))
    const { id, ...own } = values
    const { fields, whole } = store.problems(entity, { ...own, ...bound })
    return [...fields.map((line) => `${at}.${line}`), ...whole.map((line) => `${at}: ${line}`)]
  })
  if (problems.length > 0) throw new Error(problems.join('\n'))
  const made = rows.map((row) => ({ row, id: idOf(row) }))
  const entities = made.map(({ row, id }) => {
    const bound = DEFINITIONS[row.entity].references
    const references = (Object.keys(bound) as Parent[]).flatMap((parent) => {
      const of = reference(row, parent, made)
      return of === undefined ? [] : [[parent, { id: of }] as const]
    })
    const values: Entity = { ...row.values, ...Object.fromEntries(references), id }
    return { name: row.entity, values }
  })
  store.load(entities.toSorted((a, b) => ENTITY_NAMES.indexOf(a.name) - ENTITY_NAMES.indexOf(b.name)))
}

function rowsOf(file: unknown): Row[] {
  if (!isValues(file)) throw new Error('expected a declarative configuration: a map of entities')
  if (file._format_version !== '3.0') {
    throw new Error(`_format_version: expected "3.0", got ${JSON.stringify(file._format_version)}`)
  }
  if (file._transform === false)
    throw new Error('_transform: false is not supported by the development gateway')
  for (const name of Object.keys(file)) {
    if (!Object.hasOwn(DEFINITIONS, name) && !ABOUT.has(name))
      throw new Error(`'${name}' is not supported by the development gateway`)
  }
  return ENTITY_NAMES.flatMap((entity) => collection(entity, file[entity], entity, {}))
}

function collection(entity: EntityName, list: unknown, at: string, inside: Row['inside']): Row[] {
  if (list === undefined || list === null) return []
  if (!Array.isArray(list)) throw new Error(`${at}: expected an array`)
  return list.flatMap((item: unknown, index) => row(entity, item, `${at}[${index + 1}]`, inside))
}

function row(entity: EntityName, item: unknown, at: string, inside: Row['inside']): Row[] {
  if (!isValues(item)) throw new Error(`${at}: expected a record`)
  const { as, may } = CHILDREN[entity]
  const values: Values = { ...item }
  const names: Row['names'] = {}
  for (const parent of Object.keys(DEFINITIONS[entity].references) as Parent[]) {
    if (values[parent] === undefined || values[parent] === null) continue
    if (inside[parent]) throw new Error(`${at}.${parent}: already given by the ${parent} around it`)
    names[parent] = values[parent]
    delete values[parent]
  }
  for (const child of may) delete values[child]
  const self: Row = { entity, at, values, inside, names }
  const children = may.flatMap((child) =>
    collection(child, item[child], `${at}.${child}`, as ? { [as]: self } : {}),
  )
  return [self, ...children]
}

function idOf(row: Row): string {
  const { id } = row.values
  return typeof id === 'string' ? id : entityId(row.entity, identityOf(row))
}

/** What Kong derives an entity's id from. If Kong makes a random id, the position in the file is used instead. */
function identityOf(row: Row): string {
  const { entity, values } = row
  if (entity === 'plugins') {
    const parts = (['route', 'service', 'consumer'] as const).map((parent) => {
      const around = row.inside[parent]
      return around ? idOf(around) : typeof row.names[parent] === 'string' ? row.names[parent] : ''
    })
    return ['plugins', '*', values.name, ...parts].join(':')
  }
  const name = values[DEFINITIONS[entity].name]
  return typeof name === 'string' ? name : row.at
}

/** The id of the entity around this one, or of the one that it names by id or name. @throws Error where there is none */
function reference(
  row: Row,
  parent: Parent,
  all: ReadonlyArray<{ readonly row: Row; readonly id: string }>,
): string | undefined {
  const around = row.inside[parent]
  if (around) return all.find((one) => one.row === around)?.id
  const named = row.names[parent]
  if (named === undefined) return undefined
  const collection = PARENTS[parent]
  const key = DEFINITIONS[collection].name
  const wanted = isValues(named) ? (named.id ?? named[key]) : named
  const found = all.find(
    (one) => one.row.entity === collection && (one.id === wanted || one.row.values[key] === wanted),
  )
  if (!found) throw new Error(`${row.at}.${parent}: no such ${parent}: ${JSON.stringify(named)}`)
  return found.id
}

/** @param key what is unique in the collection, e.g. the name */
export function entityId(entity: EntityName, key: string): string {
  return uuidV5(uuidV5(NAMESPACE, entity), key)
}

function uuidV5(namespace: string, name: string): string {
  const hash = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest()
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6)
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8)
  return hash.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
