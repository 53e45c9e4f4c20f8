import { isObject, type RequestBody, type RequestObject } from './body.ts'
import { ambiguous, type Denial, NO_JSON_OBJECT, STREAM_TOO_LARGE } from './denial.ts'
import { type Member, membersAt, Names, type Place } from './members.ts'
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
 * has to be changed: it is no streamed request, or asks for usage itself. A request that servers read differently is denied.
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

/** No honest client names a member twice or in other letters, and servers differ in which one they obey. */
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

/** Kong takes 10 ms or so to read a message of this size from a plugin server, and 20 s for one of 8 MB. Unit: bytes. */
const LARGEST_SENT = 256 * 1024

/**
 * What has to be changed in the body of the request in progress so that its answer reports usage, or why the request is denied: its body
 * cannot be read for certain, or is too large to be changed. One PDK call, and those of the body for a completion.
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
