import type { Kong } from '../pdk.ts'

/** What alerts call the service of the request in progress: its name in Kong, else its id. One PDK call. */
export async function serviceLabel(kong: Kong): Promise<string> {
  const service = await kong.router.getService()
  return service?.name ?? service?.id ?? ''
}
