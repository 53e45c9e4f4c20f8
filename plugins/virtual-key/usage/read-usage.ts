import type { Answer } from './api-format.ts'
import { fill, headerCounts, type Usage, usageOf } from './counts.ts'
import { type FormatTable, TABLE } from './formats.ts'
import { codings } from './framing/encoding.ts'
import { readBody } from './framing/framing.ts'
import { Documents } from './json/documents.ts'
import { Tally } from './tally.ts'

export type { Answer } from './api-format.ts'
export type { Usage } from './counts.ts'

/** Names, in lower case, of the response headers that report counts. */
export const USAGE_HEADERS = TABLE.headers

/** Every report of a count, such as a line of a stream, contains one of these texts. */
export const USAGE_MARKERS: readonly string[] = TABLE.markers.map(String)

/** Names of all members that stand for counts. */
export const USAGE_NAMES = TABLE.names

/** What the response's headers say about its body. These are hints only, because the bytes decide. */
export interface Hints {
  /** Content-Type as received. */
  readonly contentType?: string | undefined
  /** Content-Encoding as received. */
  readonly contentEncoding?: string | undefined
  /** All response headers; some APIs report usage there. Names are compared in lower case. */
  readonly headers?: Readonly<Record<string, string>>
}

/** A body of which only the beginning and the end were kept. */
export interface CutBody {
  readonly head: Uint8Array
  readonly tail: Uint8Array
}

/**
 * Why a body gave no usage. `no_usage`: it could be read and reports none. `unreadable`: its encoding, framing or JSON
 * could not be decoded, so tokens may have been spent that are not counted.
 */
export type Silence = 'no_usage' | 'unreadable'

/** Usage, or the reason why there is none. */
export type Reading = {
  readonly answer?: Answer
  /** Whether members of the usage are missing that a whole response of this format always has. */
  readonly partial?: true
} & (
  | { readonly usage: Usage; readonly reason?: undefined }
  | { readonly usage?: undefined; readonly reason: Silence }
)

/**
 * The tokens that a response body reports, whatever API it comes from; undefined when it reports none. Pure,
 * synchronous, never throws. A body whose middle is missing is still read: its usage may be in the rest.
 */
export function readUsage(body: Uint8Array | CutBody, hints: Hints = {}): Usage | undefined {
  return inspectUsage(body, hints).usage
}

/** As `readUsage`, but with the reason why there is no usage. @param table the formats that are read */
export function inspectUsage(
  body: Uint8Array | CutBody,
  hints: Hints = {},
  table: FormatTable = TABLE,
): Reading {
  const { head, tail } = 'head' in body ? body : { head: body, tail: undefined }
  const tally = new Tally(table)
  const documents = new Documents(table.paths, table.markers, (facts) => tally.add(facts))
  const readable = readBody(
    documents,
    { head: bufferOf(head), tail: tail && bufferOf(tail) },
    {
      codings: codings(hints.contentEncoding),
      eventStream: hints.contentType?.includes('amazon.eventstream') ?? false,
    },
  )
  const fromHeaders =
    hints.headers &&
    headerCounts(
      hints.headers,
      table.formats.flatMap(({ headers }) => headers ?? []),
    )
  const counts = fill(tally.counts, fromHeaders)
  const usage = counts && usageOf(counts)
  const { answer } = tally
  return {
    ...(answer === undefined ? {} : { answer }),
    ...(usage && tally.partial ? { partial: true } : {}),
    ...(usage ? { usage } : { reason: readable ? 'no_usage' : 'unreadable' }),
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
