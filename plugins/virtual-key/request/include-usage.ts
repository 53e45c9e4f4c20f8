import { ambiguous, type Denial } from '../admission/denial.ts'
import { type Member, membersAt, Names, type Place } from './members.ts'
import type { RequestObject } from './request-object.ts'
import { pathOf } from './target.ts'

/** Chat and completion requests of OpenAI's API and of those that copy it: only they know `stream_options`. */
const COMPLETIONS = /\/completions([.;][^/]*)?\/*$/

const TOP = new Names(['stream', 'stream_options'])
const OPTIONS = new Names(['include_usage'])

/** All that nobody takes for true: some servers ask for JSON's true, some for what a language or a form takes for it. */
const FALSE = /^(false|null|0)$/

/** @param target path and query as they stand in the request line */
export function isCompletion(target: string): boolean {
  return COMPLETIONS.test(pathOf(target))
}

/** The one change of a request's bytes: `text` stands for those from `from` up to `to`. */
export interface Splice {
  readonly from: number
  readonly to: number
  /** ASCII, without a line's end. */
  readonly text: string
}

/**
 * What sets `stream_options.include_usage` to true in a request and leaves all other bytes as they are; undefined where nothing
 * has to be changed: it is no streamed request, or asks for usage itself. A request that servers read differently is refused.
 * Source: OpenAI API reference, chat/create, stream_options.
 */
export function usageWish({ bytes, open }: RequestObject): Splice | Denial | undefined {
  const found = membersAt(bytes, open, TOP)?.found
  const unclear = unclearOf(found)
  if (found === undefined || unclear) return unclear
  const [stream] = found.get('stream') ?? []
  if (stream === undefined || FALSE.test(start(bytes, stream))) return undefined
  const [options] = found.get('stream_options') ?? []
  // The request streams, so its object has at least one member for the comma to be right.
  if (options === undefined) return insert(open + 1, '"stream_options":{"include_usage":true},')
  const inside = membersAt(bytes, options.from, OPTIONS)
  if (inside === undefined) return { from: options.from, to: options.to, text: '{"include_usage":true}' }
  const unclearInside = unclearOf(inside.found)
  if (unclearInside) return unclearInside
  const [wish] = inside.found.get('include_usage') ?? []
  if (wish === undefined) return insert(options.from + 1, `"include_usage":true${inside.empty ? '' : ','}`)
  return start(bytes, wish) === 'true' ? undefined : { from: wish.from, to: wish.to, text: 'true' }
}

/** A body with the change made. */
export function spliced(body: Uint8Array, { from, to, text }: Splice): Buffer {
  return Buffer.concat([body.subarray(0, from), Buffer.from(text), body.subarray(to)])
}

/** No honest client names a member twice or in other letters, and which one a server obeys is not known. */
function unclearOf(found: ReadonlyMap<string, readonly Member[]> | undefined): Denial | undefined {
  for (const [name, members] of found ?? []) {
    if (members.length > 1 || members.some(({ exact }) => !exact)) return ambiguous(name)
  }
  return undefined
}

function insert(at: number, text: string): Splice {
  return { from: at, to: at, text }
}

/** Long values are of no interest. */
function start(bytes: Buffer, { from, to }: Place): string {
  return bytes.toString('latin1', from, Math.min(to, from + 16))
}
