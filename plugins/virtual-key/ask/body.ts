import type { Kong } from '../kong.ts'
import { CHANGE } from '../tap/lua.ts'
import { changeText } from '../tap/note.ts'
import { type Splice, spliced } from './include-usage.ts'

/** Largest request body that is looked at. Unit: bytes. */
export const LARGEST = 8 * 1024 * 1024

/** Kong takes 10 ms or so to read a message of this size from a plugin server, and 20 s for one of LARGEST. Unit: bytes. */
const LARGEST_SENT = 256 * 1024

/** The body of the request in progress, asked for when the first one wants it: one PDK call, or none. */
export class RequestBody {
  readonly #kong: Kong
  readonly #length: number | undefined
  /** There is one, as far as the request's headers tell. */
  readonly present: boolean
  #read: Promise<Uint8Array> | undefined

  /** `length`: in bytes; undefined = not declared, so that it may be any. */
  constructor(kong: Kong, { hasBody, length }: { hasBody: boolean; length: number | undefined }) {
    this.#kong = kong
    this.#length = length
    this.present = hasBody
  }

  /** It is no longer than what is looked at, as far as is known. */
  get readable(): boolean {
    return this.#length === undefined || (this.#length > 0 && this.#length <= LARGEST)
  }

  /** Its length is known too, so that reading it cannot fail. */
  get measured(): boolean {
    return this.#length !== undefined && this.readable
  }

  /** Empty where it may not be read. */
  read(): Promise<Uint8Array> {
    if (!this.readable) return Promise.resolve(new Uint8Array())
    this.#read ??= this.#kong.request.getRawBody(LARGEST).then((body) => body ?? new Uint8Array())
    return this.#read
  }
}

/** Changes the body of a request that is not tapped; a long one only where the route has the tap all the same. One PDK call. */
export async function changeBody(kong: Kong, body: Uint8Array, splice: Splice): Promise<void> {
  if (body.length <= LARGEST_SENT) return kong.service.request.setRawBody(spliced(body, splice))
  return kong.ctx.shared.set(CHANGE, changeText({ ...splice, length: body.length }))
}
