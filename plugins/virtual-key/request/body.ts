import { isUtf8 } from 'node:buffer'
import type { Kong } from '../pdk.ts'
import { leading, OPEN_OBJECT } from '../usage/json/bytes.ts'
import {
  BODY_TOO_LARGE,
  type Denial,
  NO_JSON_OBJECT,
  NOT_UTF8,
  UNREADABLE_BODY_ENCODING,
  UNREADABLE_BODY_TYPE,
} from './denial.ts'
import type { RequestFacts } from './guard.ts'
import { afterSpace, membersAt, Names } from './members.ts'

/** Largest request body that is looked at. Unit: bytes. */
export const LARGEST = 8 * 1024 * 1024

/** The body of the request in progress, and its target. Each is fetched from Kong when it is first needed, and only once. */
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

  /** Whether there is one, as far as the request's headers tell. */
  get present(): boolean {
    return this.#request.hasBody
  }

  /** Whether its declared length is 0. */
  get empty(): boolean {
    return this.#request.length === 0
  }

  /** Path and query as they stand in the request line. One PDK call. */
  target(): Promise<string> {
    this.#target ??= this.#kong.request.getPathWithQuery()
    return this.#target
  }

  /** Empty where it is longer than LARGEST. One PDK call for a body of declared length, else two. */
  async read(): Promise<Uint8Array> {
    return (await this.#bytes()) ?? new Uint8Array()
  }

  /** The JSON object that it is, or why the request is denied: nobody can be sure to read this body as the upstream does. */
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

  /** undefined: longer than LARGEST. */
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
   * Whether a body of no declared length (chunked, HTTP/2) is longer than LARGEST. Kong answers the client 500, and the plugin never, where
   * the plugin asks for the bytes of a longer one; where it asks for the parts of a form, it gets nil. Without a boundary Kong parses nothing.
   */
  async #tooLong(): Promise<boolean> {
    return (await this.#kong.request.getBody('multipart/form-data', 1, LARGEST)) === undefined
  }
}

/** A request's body that is one JSON object, and nothing behind it. */
export interface RequestObject {
  readonly bytes: Buffer
  /** Position of its brace. */
  readonly open: number
}

/** `none`: there is no member that anybody could read, because it is a file, a form with files, or plain text. */
export type Inspected = RequestObject | 'empty' | 'none' | Denial

type Head = Pick<RequestFacts, 'contentType' | 'contentEncoding'>

/** Bodies whose members other servers read, in writings that are not read here. */
const OTHER_WRITINGS = /protobuf|grpc|cbor|msgpack|bson|smile|avro|yaml|xml|x-www-form-urlencoded/
/** Files, and forms that hold them: what is no JSON object there is no request to a model either. */
const FILES = /^(multipart|audio|image|video)\/|^application\/(octet-stream|pdf|zip|gzip|x-tar)\b/
const JSON_TYPE = /^$|json/
const CHARSET = /charset\s*=\s*["']?([^"';,\s]*)/g
/** Character sets in which JSON's grammar is written in the same bytes. */
const ASCII_BASED = /^(utf-?8|us-ascii|ascii|iso-8859-1|latin1)$/

const NOTHING = new Names(['-'])

/**
 * What of a request's head alone makes its members unreadable. Body parsers inflate what the head calls compressed and decode what it
 * calls UTF-7, and Google's APIs read protobuf.
 */
export function unreadable({ contentType, contentEncoding }: Head): Denial | undefined {
  if (contentEncoding !== '' && contentEncoding !== 'identity') return UNREADABLE_BODY_ENCODING
  if (OTHER_WRITINGS.test(contentType)) return UNREADABLE_BODY_TYPE
  const charsets = [...contentType.matchAll(CHARSET)]
  return charsets.every(([, name = '']) => ASCII_BASED.test(name)) ? undefined : NOT_UTF8
}

/** Whether a body of this Content-Type is a file, so that it may be longer than what is looked at. */
export function isFile(contentType: string): boolean {
  return FILES.test(contentType)
}

/**
 * The one JSON object of a body, whatever its Content-Type says: few servers look at that. A body that looks like an object and is read
 * differently by different servers (comments, trailing commas, a second object, other encodings) is denied.
 */
export function requestObject(body: Uint8Array, head: Head): Inspected {
  const denial = unreadable(head)
  if (body.length === 0) return 'empty'
  if (denial) return denial
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  if (isWide(bytes)) return NOT_UTF8
  const open = leading(bytes)
  if (bytes[open] !== OPEN_OBJECT) return JSON_TYPE.test(head.contentType) ? NO_JSON_OBJECT : 'none'
  if (!isUtf8(bytes)) return NOT_UTF8
  const end = membersAt(bytes, open, NOTHING)?.end
  return end !== undefined && afterSpace(bytes, end) === bytes.length ? { bytes, open } : NO_JSON_OBJECT
}

/**
 * Whether the body is an object or array of JSON in UTF-16 or UTF-32, with a byte order mark or without: Python's json.loads and Java's
 * Jackson find out by themselves.
 */
function isWide(bytes: Buffer): boolean {
  return [2, 4].some((size) => [0, size - 1].some((low) => startsWide(bytes, size, low)))
}

/** @param low position of a unit's byte that is not zero in ASCII @param size bytes of a unit */
function startsWide(bytes: Buffer, size: number, low: number): boolean {
  for (let at = 0; at + size <= bytes.length; at += size) {
    let others = 0
    for (let i = 0; i < size; i++) if (i !== low) others |= bytes[at + i] as number
    const byte = bytes[at + low] as number
    if (at === 0 && isMark(bytes, size)) continue
    if (others !== 0) return false
    if (byte === 0x7b || byte === 0x5b) return true
    if (byte !== 0x20 && (byte < 0x09 || byte > 0x0d)) return false
  }
  return false
}

/** U+FEFF in either order. */
function isMark(bytes: Buffer, size: number): boolean {
  const unit = bytes.subarray(0, size).filter((byte) => byte !== 0)
  return unit.length === 2 && unit.includes(0xfe) && unit.includes(0xff)
}

/** Whether the body was found to be an object. */
export function isObject(inspected: Inspected): inspected is RequestObject {
  return typeof inspected === 'object' && 'bytes' in inspected
}
