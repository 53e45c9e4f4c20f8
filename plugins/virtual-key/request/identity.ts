import type { Consumer, Kong } from '../pdk.ts'
import { MOST_HEADERS } from './guard.ts'

export type Identification =
  | { readonly by: 'consumer' }
  | { readonly by: 'credential' }
  | { readonly by: 'header'; readonly name: string }

/** Longer names would let a client fill Redis through `identify_by: header`. Unit: UTF-16 code units. */
export const LONGEST_ID = 256

/** The key id of the request in progress, undefined without a key. One PDK call, or two where headers are needed. */
export async function identify(kong: Kong, how: Identification): Promise<string | undefined> {
  switch (how.by) {
    case 'consumer':
      return consumerKey(await kong.client.getConsumer())
    case 'credential':
      return usable((await kong.client.getCredential())?.id)
    case 'header':
      return headerKey(await kong.request.getHeaders(MOST_HEADERS), how.name)
  }
}

/** `name`: of the request header, in lower case. */
export function headerKey(headers: Record<string, string[]>, name: string): string | undefined {
  return usable(headers[name]?.[0])
}

/** A consumer is known by its username, else its custom id, else its id. */
export function consumerKey(consumer: Consumer | undefined): string | undefined {
  return (
    usable(consumer?.username ?? undefined) ??
    usable(consumer?.custom_id ?? undefined) ??
    usable(consumer?.id)
  )
}

/** undefined for an id that cannot name a counter. */
export function usable(id: string | undefined): string | undefined {
  return id !== undefined && id !== '' && id.length <= LONGEST_ID ? id : undefined
}

/** What alerts call the service of the request in progress: its name in Kong, else its id. One PDK call. */
export async function serviceLabel(kong: Kong): Promise<string> {
  const service = await kong.router.getService()
  return service?.name ?? service?.id ?? ''
}
