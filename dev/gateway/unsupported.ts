import { isReference } from '../../schema/fields.ts'
import { AUTHENTICATORS } from '../../schema/kong/authenticators.ts'
import type { EntityName } from '../../schema/kong/entities.ts'
import { isValues, type Values } from './validation.ts'

const TEXT = 'not supported by the development gateway'

/** Fields in which only these values have an effect; a field without any has to stay unset. */
const ONLY: { readonly [N in EntityName]?: Readonly<Record<string, readonly unknown[]>> } = {
  services: {
    protocol: ['http'],
    enabled: [true],
    tls_verify: [],
    tls_verify_depth: [],
    ca_certificates: [],
    client_certificate: [],
  },
  routes: {
    headers: [],
    snis: [],
    sources: [],
    destinations: [],
    path_handling: ['v0'],
    https_redirect_status_code: [426],
    request_buffering: [true],
    response_buffering: [true],
  },
}

const ONLY_IN_CONFIG: Readonly<Record<string, Readonly<Record<string, readonly unknown[]>>>> = {
  'key-auth': { key_in_body: [false], anonymous: [] },
  'post-function': { certificate: [], rewrite: [], header_filter: [] },
}

/**
 * Values that Kong accepts and the stand-in would ignore. They are refused, with one `path: problem` each.
 * @param plugins that the stand-in runs  @param values of an entity, with defaults
 */
export function unsupported(
  plugins: Readonly<Record<string, unknown>>,
  entity: EntityName,
  values: Values,
): string[] {
  const found = others(ONLY[entity] ?? {}, values, '')
  if (entity === 'routes' && Array.isArray(values.protocols) && !values.protocols.includes('http'))
    found.push(`protocols: https alone is ${TEXT}`)
  if (entity !== 'plugins') return found
  const name = String(values.name)
  const config = isValues(values.config) ? values.config : {}
  found.push(...others(ONLY_IN_CONFIG[name] ?? {}, config, 'config.'))
  found.push(...references(config, 'config').map((path) => `${path}: vault references are ${TEXT}`))
  if (!Object.hasOwn(plugins, name) && isAuthenticator(name)) {
    // Without any plugin that authenticates, key-auth can replace the one that the real Kong has there.
    found.push(
      `name: the development gateway finds out who calls by ${Object.keys(plugins).filter(isAuthenticator)}`,
    )
  }
  return found
}

function others(
  only: Readonly<Record<string, readonly unknown[]>>,
  values: Values,
  prefix: string,
): string[] {
  return Object.entries(only)
    .filter(([field, allowed]) => {
      const value = values[field]
      const unset = value === undefined || value === null || (Array.isArray(value) && value.length === 0)
      return !unset && !allowed.includes(value)
    })
    .map(
      ([field, allowed]) =>
        `${prefix}${field}: ${allowed.length === 0 ? '' : `any other than ${allowed} is `}${TEXT}`,
    )
}

function references(value: unknown, path: string): string[] {
  if (isReference(value)) return [path]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, one]) => references(one, `${path}.${name}`))
}

function isAuthenticator(name: string): boolean {
  return AUTHENTICATORS.some((one) => one.name === name)
}
