import { leading } from '../usage/framing/sniff.ts'
import { membersAt, type Place } from './members.ts'

/** Chat and completion requests of OpenAI's API and of those that copy it: only they know `stream_options`. */
const COMPLETIONS = /\/completions\/?$/

/** What a lenient server takes for true besides `true`. */
const TRUE = /^(true|1|"(true|1|yes|on|y|t)")$/i

export function isCompletion(path: string): boolean {
  return COMPLETIONS.test(path)
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
 * has to be changed: it is no streamed request, asks for usage itself, or is no JSON object.
 * Source: OpenAI API reference, chat/create, stream_options.
 */
export function usageWish(request: Uint8Array): Splice | undefined {
  const bytes = Buffer.from(request.buffer, request.byteOffset, request.byteLength)
  const open = leading(bytes)
  const members = membersAt(bytes, open, ['stream', 'stream_options'])
  const stream = members?.places.get('stream')
  if (members === undefined || stream === undefined || !TRUE.test(start(bytes, stream))) return undefined
  const options = members.places.get('stream_options')
  // The request streams, so its object has at least one member for the comma to be right.
  if (options === undefined) return insert(open + 1, '"stream_options":{"include_usage":true},')
  const inside = membersAt(bytes, options.from, ['include_usage'])
  if (inside === undefined) return { ...options, text: '{"include_usage":true}' }
  const wish = inside.places.get('include_usage')
  if (wish === undefined) return insert(options.from + 1, `"include_usage":true${inside.empty ? '' : ','}`)
  return start(bytes, wish) === 'true' ? undefined : { ...wish, text: 'true' }
}

/** A body with the change made. */
export function spliced(body: Uint8Array, { from, to, text }: Splice): Buffer {
  return Buffer.concat([body.subarray(0, from), Buffer.from(text), body.subarray(to)])
}

function insert(at: number, text: string): Splice {
  return { from: at, to: at, text }
}

/** Long values are of no interest. */
function start(bytes: Buffer, { from, to }: Place): string {
  return bytes.toString('latin1', from, Math.min(to, from + 16))
}
