import { Failure } from '../failure.ts'
import { json } from '../json.ts'
import type { AdminApi } from './admin-api.ts'
import type { Gateway } from './applying.ts'
import type { Consumer, Credential, Plugin, Route, Service } from './entities.ts'

/** The most that Kong puts on one page. */
const PAGE = 'size=1000'

/** A consumer with what `vk` cares about. */
export interface ConsumerState {
  readonly consumer: Consumer | undefined
  readonly credentials: readonly Credential[]
  /** Its own plugins, of whatever name, but none that is bound to a route or service as well. */
  readonly plugins: readonly Plugin[]
}

/** @throws AdminError or Failure */
export async function readGateway(api: AdminApi): Promise<Gateway> {
  const [services, routes, plugins] = await Promise.all([
    api.all<Service>(`/services?${PAGE}`),
    api.all<Route>(`/routes?${PAGE}`),
    api.all<Plugin>(`/plugins?${PAGE}`),
  ])
  return { services, routes, plugins }
}

/** @param name the username; for a UUID Kong looks for the id @throws AdminError or Failure */
export async function readConsumer(api: AdminApi, name: string): Promise<ConsumerState> {
  const path = consumerPath(name)
  const [consumer, credentials, plugins] = await Promise.all([
    api.get<Consumer>(path),
    api.all<Credential>(`${path}/key-auth?${PAGE}`),
    api.all<Plugin>(`${path}/plugins?${PAGE}`),
  ])
  const own = plugins.filter(({ route, service }) => route === null && service === null)
  return { consumer, credentials, plugins: own }
}

export function consumerPath(name: string): string {
  return `/consumers/${encodeURIComponent(name)}`
}

/** By name or id. @throws Failure that names what there is */
export function named<T extends { readonly id: string; readonly name: string | null }>(
  what: string,
  all: readonly T[],
  name: string,
): T {
  const found = all.find((one) => one.name === name) ?? all.find((one) => one.id === name)
  if (found !== undefined) return found
  const names = all.map((one) => one.name ?? one.id).sort()
  const there = names.length === 0 ? 'none' : names.slice(0, 20).join(', ')
  throw new Failure(
    `Kong has no ${what} ${json(name)}; it has: ${there}${names.length > 20 ? `, and ${names.length - 20} more` : ''}`,
  )
}
