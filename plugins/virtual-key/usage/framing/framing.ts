import { afterSpace, KIND, leading, OPEN } from '../json/bytes.ts'
import type { Documents } from '../json/documents.ts'
import { Haystack } from '../json/search.ts'
import { type Coding, decode, isText, signature } from './encoding.ts'
import { EventStream, isEventStream } from './event-stream.ts'
import { Lines } from './lines.ts'

/** Most content codings on one body. More do not occur, and each costs a decoded body. */
const LAYERS_MAX = 3

/** A body, or the parts of it that were kept. */
export interface Body {
  /** The whole body, or its beginning. */
  readonly head: Buffer
  /** The end of the body, if its middle is missing. */
  readonly tail?: Buffer | undefined
}

/** What the headers say about a body. */
export interface Expected {
  /** The codings that Content-Encoding names, outermost first. */
  readonly codings: readonly (readonly Coding[])[]
  /** Whether Content-Type says AWS event stream; used if the bytes do not show what they are. */
  readonly eventStream: boolean
}

/**
 * Splits a body of any framing into JSON documents, without knowing their meaning. The first bytes decide which framing it is, because
 * Content-Type is often wrong.
 * @returns false if the framing is broken, so that something may be missing
 */
export function readBody(documents: Documents, body: Body, expected: Expected, layer = 0): boolean {
  if (expected.codings.length > 0) return readEncoded(documents, body, expected, layer)
  const { head, tail } = body
  const from = leading(head)
  if (from === head.length) return tail ? readBody(documents, { head: tail }, expected, layer) : true
  const first = head[from] as number
  if (KIND[first] === OPEN) return readJson(documents, body, from)
  const start = head.subarray(from)
  if (isEventStream(start)) return new EventStream(documents).read(head, from, tail)
  const printable = first >= 0x20 && first < 0x7f
  if (printable && signature(start) === undefined) return readLines(documents, body, from)
  return expected.eventStream
    ? new EventStream(documents).read(head, from, tail)
    : readEncoded(documents, { head: start, tail }, expected, layer)
}

/**
 * A body that is one JSON document: an object, or an array of objects that are documents of their own (Gemini's stream without
 * `alt=sse`). If a second object follows the first, the body is newline-delimited JSON.
 */
function readJson(documents: Documents, body: Body, from: number): boolean {
  const { head, tail } = body
  const to = documents.read(new Haystack(head), from, head.length)
  const next = to < 0 ? head.length : afterSpace(head, to)
  if (to >= 0 && KIND[head[next] as number] === OPEN) {
    documents.end()
    return readLines(documents, body, next)
  }
  const whole = to >= 0 && next === head.length
  documents.end(tail ?? (whole ? undefined : head.subarray(from)))
  return whole || tail !== undefined
}

function readLines(documents: Documents, { head, tail }: Body, from: number): boolean {
  new Lines(documents, head).read(from)
  if (tail) new Lines(documents, tail).read(0, true)
  return true
}

/** Reads a body in a content coding, or of an unknown kind. Bytes after a gap cannot be decoded. */
function readEncoded(documents: Documents, { head, tail }: Body, expected: Expected, layer: number): boolean {
  if (layer === LAYERS_MAX) return false
  const [hinted = [], ...codings] = expected.codings
  const shown = signature(head)
  const plain = hinted.length > 0 ? isText(head) || isEventStream(head) : shown && isText(head)
  if (plain) return readBody(documents, { head, tail }, { ...expected, codings: [] }, layer + 1)
  const known = shown ? [shown, ...hinted] : hinted
  const decoded = decode(head, known.length > 0 ? known : ['br'])
  if (decoded === undefined) return known.length === 0
  const inner = Buffer.from(decoded.buffer, decoded.byteOffset, decoded.byteLength)
  return readBody(documents, { head: inner }, { ...expected, codings }, layer + 1) && tail === undefined
}
