import { parse } from 'yaml'
import { type Row, rowsOf } from './declaration-rows.ts'
import type { Consumer, Credential, Declaration, PluginConfiguration, Route, Service } from './entities.ts'
import { ATTRIBUTES, type EntityName, KEYS, type Parent } from './entity-fields.ts'
import { entityId, WORKSPACE_ID } from './identity.ts'
import { type PluginSchemas, pluginConfiguration, uniqueScopes } from './plugin-configuration.ts'
import { scopeKey } from './precedence.ts'
import { violations } from './schema-check.ts'
import { isValues, type Values, withDefaults } from './schema-defaults.ts'

/** A row with its defaults and its id. */
interface Entity {
  readonly row: Row
  readonly id: string
  readonly values: Values
}

/**
 * Reads a declarative file of format 3.0.
 * @param text YAML or JSON  @param schemas the plugins that may be used  @param now seconds, the entities' created_at
 * @throws Error naming everything that Kong would reject or this gateway does not support, one line each
 */
export function readDeclaration(text: string, schemas: PluginSchemas, now: number): Declaration {
  const rows = rowsOf(parse(text))
  const problems = rows.flatMap(problemsOf)
  if (problems.length > 0) throw new Error(problems.join('\n'))
  const entities = rows.map(identified)
  const times = { created_at: now, updated_at: now }
  const bound = (entity: Entity, parent: Parent): string | undefined => reference(entity, parent, entities)
  const of = (name: EntityName): Entity[] => entities.filter(({ row }) => row.entity === name)

  const services = of('services').map((it) => ({ ...it.values, id: it.id, ...times, ws_id: WORKSPACE_ID }))
  const routes = of('routes').map((it) => {
    const service = bound(it, 'service')
    return {
      ...it.values,
      id: it.id,
      ...times,
      ws_id: WORKSPACE_ID,
      ...(service && { service: { id: service } }),
    }
  })
  const consumers = of('consumers').map((it) => ({ ...it.values, id: it.id, ...times }))
  const credentials = of('keyauth_credentials').map((it) => {
    const consumer = bound(it, 'consumer')
    if (!consumer) throw new Error(`${it.row.at}.consumer: required field missing`)
    return { ...it.values, id: it.id, created_at: now, consumer: { id: consumer } }
  })
  const plugins = of('plugins').map((it): PluginConfiguration | undefined => {
    const parents = (Object.keys(KEYS) as Parent[]).map((parent) => [parent, bound(it, parent)] as const)
    const scope = Object.fromEntries(parents.filter(([, id]) => id !== undefined))
    return pluginConfiguration(it.row.at, it.id, it.values, scope, schemas)
  })
  const enabled = plugins.filter((plugin) => plugin !== undefined)
  unique('name', services)
  unique('name', routes)
  unique('username', consumers)
  unique('key', credentials)
  uniqueScopes(enabled.map(({ name, scope }) => `${name} ${scopeKey(scope)}`))
  return {
    services: byId(services as unknown as Service[]),
    routes: routes as unknown as Route[],
    consumers: byId(consumers as Consumer[]),
    credentials: new Map((credentials as unknown as Credential[]).map((it) => [it.key, it])),
    plugins: enabled,
  }
}

function problemsOf({ entity, at, values }: Row): string[] {
  const found = violations(ATTRIBUTES[entity], values, at).map((line) =>
    line.replace(/: unknown field$/, ': unknown field, or one the development gateway does not support'),
  )
  if (entity === 'services' && values.url === undefined && values.host === undefined) {
    found.push(`${at}.host: required field missing`)
  }
  if (entity === 'routes' && !['paths', 'methods', 'hosts'].some((name) => values[name])) {
    found.push(`${at}: must set one of 'methods', 'hosts', 'paths'`)
  }
  if (entity === 'routes' && Array.isArray(values.protocols) && !values.protocols.includes('http')) {
    found.push(`${at}.protocols: the development gateway listens for http only`)
  }
  if (entity === 'consumers' && values.username === undefined && values.custom_id === undefined) {
    found.push(`${at}: at least one of these fields must be non-empty: 'custom_id', 'username'`)
  }
  return found
}

function identified(row: Row): Entity {
  const { url, ...rest } = withDefaults(ATTRIBUTES[row.entity], row.values)
  const values = typeof url === 'string' ? { ...rest, ...urlParts(url) } : rest
  const id = typeof values.id === 'string' ? values.id : entityId(row.entity, identity(row))
  return { row, id, values }
}

/** What Kong makes the id of an entity of, where it makes one; where it draws one at random, the place in the file instead. */
function identity(row: Row): string {
  const { entity, values } = row
  if (entity === 'plugins') {
    const parts = (['route', 'service', 'consumer'] as const).map((parent) => {
      const around = row.inside[parent]
      return around ? identified(around).id : typeof row.names[parent] === 'string' ? row.names[parent] : ''
    })
    return ['plugins', '*', values.name, ...parts].join(':')
  }
  const key = { services: 'name', routes: 'name', consumers: 'username', keyauth_credentials: 'key' }[entity]
  return typeof values[key] === 'string' ? values[key] : row.at
}

function reference(entity: Entity, parent: Parent, entities: readonly Entity[]): string | undefined {
  const around = entity.row.inside[parent]
  if (around) return entities.find(({ row }) => row === around)?.id
  const named = entity.row.names[parent]
  if (named === undefined) return undefined
  const { entity: collection, key } = KEYS[parent]
  const wanted = isValues(named) ? (named.id ?? named[key]) : named
  const found = entities.find(
    (it) => it.row.entity === collection && (it.id === wanted || it.values[key] === wanted),
  )
  if (!found) throw new Error(`${entity.row.at}.${parent}: no such ${parent}: ${JSON.stringify(named)}`)
  return found.id
}

function urlParts(url: string): Values {
  const { hostname, port, pathname, protocol } = new URL(url)
  return {
    protocol: protocol.slice(0, -1),
    host: hostname,
    port: port ? Number(port) : 80,
    ...(pathname !== '/' && { path: pathname }),
  }
}

function unique(attribute: string, rows: readonly Values[]): void {
  const seen = new Set<unknown>()
  for (const row of rows) {
    const value = row[attribute]
    if (value !== undefined && seen.has(value)) {
      throw new Error(`UNIQUE violation detected on '{${attribute}="${String(value)}"}'`)
    }
    seen.add(value)
  }
}

function byId<T extends { readonly id: string }>(rows: readonly T[]): Map<string, T> {
  return new Map(rows.map((row) => [row.id, row]))
}
