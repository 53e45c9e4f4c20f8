import { BODY_TOO_LARGE } from '../admission/denial.ts'
import type { Kong } from '../pdk.ts'
import type { RequestFacts } from './guard.ts'
import { type Inspected, isFile, requestObject, unreadable } from './request-object.ts'

/** Largest request body that is looked at. Unit: bytes. */
export const LARGEST = 8 * 1024 * 1024

/** The body of the request in progress, and where it goes: asked for when the first one wants it, and once. */
export class RequestBody {
  readonly #kong: Kong
  readonly #request: RequestFacts
  #target: Promise<string> | undefined
  #read: Promise<Uint8Array | undefined> | undefined
  #object: Promise<Inspected> | undefined

  constructor(kong: Kong, request: RequestFacts) {
    this.#kong = kong
    this.#request = request
  }

  /** There is one, as far as the request's headers tell. */
  get present(): boolean {
    return this.#request.hasBody
  }

  /** Its declared length is 0. */
  get empty(): boolean {
    return this.#request.length === 0
  }

  /** Path and query as they stand in the request line. One PDK call. */
  target(): Promise<string> {
    this.#target ??= this.#kong.request.getPathWithQuery()
    return this.#target
  }

  /** Empty where it is longer than what is looked at. One PDK call for a body of declared length, else two. */
  async read(): Promise<Uint8Array> {
    return (await this.#bytes()) ?? new Uint8Array()
  }

  /** The JSON object that it is, or the refusal of one that nobody can be sure to read as the upstream does. */
  object(): Promise<Inspected> {
    this.#object ??= this.#inspect()
    return this.#object
  }

  async #inspect(): Promise<Inspected> {
    const denial = unreadable(this.#request)
    if (denial) return denial
    const bytes = await this.#bytes()
    if (bytes !== undefined) return requestObject(bytes, this.#request)
    return isFile(this.#request.contentType) ? 'none' : BODY_TOO_LARGE
  }

  /** undefined: longer than what is looked at. */
  #bytes(): Promise<Uint8Array | undefined> {
    this.#read ??= this.#ask()
    return this.#read
  }

  async #ask(): Promise<Uint8Array | undefined> {
    const { length } = this.#request
    if (this.empty) return new Uint8Array()
    if (length === undefined ? await this.#tooLong() : length > LARGEST) return undefined
    const bytes = await this.#kong.request.getRawBody(LARGEST)
    return bytes !== undefined && bytes.length > LARGEST ? undefined : (bytes ?? new Uint8Array())
  }

  /**
   * Of a body of no declared length (chunked, HTTP/2). Asked for the bytes of one that is longer than the limit, Kong answers the client
   * 500 and the plugin never; asked for the parts of a form it says nil. Where there is no boundary it takes nothing apart.
   */
  async #tooLong(): Promise<boolean> {
    return (await this.#kong.request.getBody('multipart/form-data', 1, LARGEST)) === undefined
  }
}
