import type { Kong } from '../kong.ts'
import { CHANGE } from '../tap/lua.ts'
import { changeText } from '../tap/note.ts'
import { type Splice, spliced } from './include-usage.ts'

/** Largest request body that is looked at. Unit: bytes. */
export const LARGEST = 8 * 1024 * 1024

/** Kong takes 10 ms or so to read a message of this size from a plugin server, and 20 s for one of LARGEST. Unit: bytes. */
const LARGEST_SENT = 256 * 1024

/** `length`: of the body, in bytes; undefined = not declared, so that it may be any. */
export function mayBeRead(length: number | undefined): boolean {
  return length === undefined || (length > 0 && length <= LARGEST)
}

/** The request's body. One PDK call. */
export async function bodyOf(kong: Kong): Promise<Uint8Array> {
  return (await kong.request.getRawBody(LARGEST)) ?? new Uint8Array()
}

/** Changes the body of a request that is not tapped; a long one only where the route has the tap all the same. One PDK call. */
export async function changeBody(kong: Kong, body: Uint8Array, splice: Splice): Promise<void> {
  if (body.length <= LARGEST_SENT) return kong.service.request.setRawBody(spliced(body, splice))
  return kong.ctx.shared.set(CHANGE, changeText({ ...splice, length: body.length }))
}
