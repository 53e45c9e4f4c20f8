import { CHILDREN, type EntityName, type Parent, REFERENCES } from './entity-fields.ts'
import { isValues, type Values } from './schema-defaults.ts'

/** One entity of a file, wherever it stood: its own attributes apart from the entities inside it and around it. */
export interface Row {
  readonly entity: EntityName
  /** where it stands, e.g. `services[1].routes[2]`, counted from 1 as in Kong's messages */
  readonly at: string
  readonly values: Values
  readonly inside: Partial<Record<Parent, Row>>
  readonly names: Partial<Record<Parent, unknown>>
}

const TOP = new Set(Object.keys(CHILDREN))
const ABOUT = new Set(['_format_version', '_transform', '_comment'])

/** @throws Error that names every collection this gateway does not support */
export function rowsOf(file: unknown): Row[] {
  if (!isValues(file)) throw new Error('expected a declarative configuration: a map of entities')
  if (file._format_version !== '3.0') {
    throw new Error(`_format_version: expected "3.0", got ${JSON.stringify(file._format_version)}`)
  }
  if (file._transform === false)
    throw new Error('_transform: false is not supported by the development gateway')
  for (const name of Object.keys(file)) {
    if (!TOP.has(name) && !ABOUT.has(name))
      throw new Error(`'${name}' is not supported by the development gateway`)
  }
  return (Object.keys(CHILDREN) as EntityName[]).flatMap((entity) =>
    collection(entity, file[entity], entity, {}),
  )
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
  for (const parent of REFERENCES[entity]) {
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
