import { type Denial, NO_JSON_OBJECT, STREAM_TOO_LARGE } from '../admission/denial.ts'
import type { RequestBody } from './body.ts'
import { isCompletion, type Splice, usageWish } from './include-usage.ts'
import { isObject } from './request-object.ts'

/** Kong takes 10 ms or so to read a message of this size from a plugin server, and 20 s for one of 8 MB. Unit: bytes. */
const LARGEST_SENT = 256 * 1024

/**
 * What has to be changed in the body of the request in progress so that its answer reports usage, or the refusal of a body of which that
 * cannot be known, or which is too large to be changed. One PDK call, and those of the body for a completion.
 * @param tapped the tap makes the change, inside Kong
 */
export async function usageChange(body: RequestBody, tapped: boolean): Promise<Splice | Denial | undefined> {
  if (body.empty) return undefined
  if (!isCompletion(await body.target())) return undefined
  const object = await body.object()
  if (object === 'empty') return undefined
  if (object === 'none') return NO_JSON_OBJECT
  if (!isObject(object)) return object
  const wish = usageWish(object)
  const sent = wish && !tapped && !('status' in wish) && object.bytes.length > LARGEST_SENT
  return sent ? STREAM_TOO_LARGE : wish
}
