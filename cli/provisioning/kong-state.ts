import { consumerKey } from '../../plugins/virtual-key/request/identity.ts'
import type * as kong from '../../schema/kong/entities.ts'
import { Failure } from '../failure.ts'
import { json } from '../output/text.ts'
import type { AdminApi } from './admin-api.ts'
import { path } from './admin-path.ts'

/** What `vk` reads of Kong's entities. */
export type Service = Pick<kong.Service, 'id' | 'name'>
export type Route = Pick<kong.Route, 'id' | 'name' | 'service'>
export type Consumer = Pick<kong.Consumer, 'id' | 'username' | 'tags'> &
  Partial<Pick<kong.Consumer, 'custom_id'>>
export type Credential = kong.Credential
export type Plugin = Omit<kong.Plugin, 'protocols' | 'instance_name'>
export type { PluginConfig } from '../../schema/kong/entities.ts'

/** What Kong contains for a key. */
export interface Gateway {
  readonly services: readonly Service[]
  readonly routes: readonly Route[]
  readonly plugins: readonly Plugin[]
}

/** Tag of everything that `vk` has made; what lacks it was made by somebody else. */
export const TAG = 'virtual-key'
/** Tag of the new credential of a rotation, until all old ones have an end. */
export const ROTATING = 'virtual-key-rotating'

export function tagged({ tags }: { readonly tags: readonly string[] | null }, tag = TAG): boolean {
  return tags?.includes(tag) ?? false
}

/** Kong's largest page. */
const PAGE = 'size=1000'

/** A consumer, with its credentials and plugins. */
export interface ConsumerState {
  readonly consumer: Consumer | undefined
  readonly credentials: readonly Credential[]
  /** All plugins that are bound to it and to no route or service. */
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

/**
 * A key's consumer and what belongs to it. Each entity in Kong's answers must itself name the consumer, because what is read here is
 * changed and deleted afterwards.
 * @throws AdminError or Failure
 */
export async function readConsumer(api: AdminApi, keyId: string): Promise<ConsumerState> {
  const consumer = await api.entity<Consumer>(path`/consumers/${keyId}`)
  if (consumer === undefined) return { consumer: undefined, credentials: [], plugins: [] }
  checkConsumer(consumer, keyId)
  const [credentials, plugins] = await Promise.all([
    api.allOf<Credential>(`${path`/consumers/${consumer.id}/key-auth`}?${PAGE}`),
    api.allOf<Plugin>(`${path`/consumers/${consumer.id}/plugins`}?${PAGE}`),
  ])
  for (const one of [...(credentials ?? []), ...(plugins ?? [])])
    if (one.consumer?.id !== consumer.id)
      throw new Failure(`Kong lists what is not of consumer ${json(keyId)} as its own: nothing is changed`)
  const own = plugins?.filter(({ route, service }) => route === null && service === null)
  return { consumer, credentials: credentials ?? [], plugins: own ?? [] }
}

/** Kong looks up a UUID as an id, whatever that consumer's name is. @throws Failure if it is not a consumer, or that of another key */
export function checkConsumer(consumer: Consumer, keyId: string): void {
  const known = typeof consumer.id === 'string' ? consumerKey(consumer) : undefined
  if (known === keyId) return
  throw new Failure(
    known === undefined
      ? `Kong answered with no consumer where ${json(keyId)} was asked for: nothing more is changed`
      : `the consumer ${json(keyId)} of Kong counts as key ${json(known)}: give that id`,
  )
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
