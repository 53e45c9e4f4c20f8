import { codings, decode, isDecodable, signature } from '../../usage/framing/encoding.ts'
import { type Answer, answerOf, unseenThoughts } from './answer-text.ts'
import { LOOKED_AT, type Sample } from './bounded-sample.ts'
import { type Prompt, promptOf } from './prompt.ts'

/** What a sample shows, and what of it is missing. */
export interface ReadSample {
  /** undefined: the request prompts no model, as far as can be told. */
  readonly prompt: Prompt | undefined
  /** How many times as long as what was read the whole request is; at least 1. */
  readonly promptScale: number
  /** Bytes of a request that nothing could be read of, though it may prompt a model. */
  readonly promptUnread: number
  /** Bytes of a document that come after what was read, where text is to be expected in them. */
  readonly promptRest: number
  readonly answer: Answer
  readonly answerScale: number
  /** Tokens of thoughts that such an answer does not show. */
  readonly thoughts: number
  /** Bytes of an answer that nothing could be read of, though it may be a model's. */
  readonly answerUnread: number
  /** What an answer in none of the APIs' writings is, which is a model's where its request prompts one. */
  readonly other: Other | undefined
}

/** Words as they stand, or bytes of a sound, a picture or a file of numbers. */
export type Other = { readonly text: string } | { readonly bytes: number }

/** Requests and answers of these types hold no text: pictures, sounds, archives and forms with files in them. */
const FILES = /^\s*(image|audio|video|font|multipart)\/|octet-stream|zip|pdf/i
/** How documents, streams of them, frames of an event stream, scripts and pages begin; other answers are words. */
const WRITING = /^[\s\uFEFF]*([{["\0:<]|(data|event|id|retry):|\/[/*])/
const WORDS = /^\s*text\/(plain|markdown|vtt|srt)/i

/** @param most bytes that are looked at of each of the two */
export function readSample(sample: Sample, most = LOOKED_AT): ReadSample {
  const request = textOf(sample.request, sample.requestEncoding, most)
  const sent = Math.max(sample.sent ?? 0, sample.request.length)
  const prompt = request.text === '' ? undefined : promptOf(request.text, sample.requestType)
  const closed = request.text === '' && sent > 0 && !FILES.test(sample.requestType ?? '')
  const head = textOf(sample.head, sample.encoding, most)
  // What is compressed cannot be read from its middle on.
  const tail = head.decoded || sample.tail === undefined ? undefined : textOf(sample.tail, undefined, most)
  const answers = tail === undefined ? [answerOf(head.text)] : [answerOf(head.text), answerOf(tail.text)]
  const answer = {
    text: answers.map(({ text }) => text).join(''),
    extra: answers.reduce((sum, { extra }) => sum + extra, 0),
    answered: answers.some(({ answered }) => answered),
  }
  const silent = !answer.answered && sample.seen > 0
  const isFile = FILES.test(sample.type ?? '')
  const unread = silent && head.text === '' && !isFile
  const words = head.text !== '' && (WORDS.test(sample.type ?? '') || !WRITING.test(head.text))
  const text = `${head.text}${tail?.text ?? ''}`
  return {
    prompt,
    promptScale: scale(sent, request.read),
    promptUnread: closed ? sent : 0,
    promptRest: JSON_STARTS.test(request.text) && !prompt?.media ? Math.max(0, sent - request.read) : 0,
    answer,
    answerScale: scale(sample.seen, head.read + (tail?.read ?? 0)),
    thoughts: sample.later ? 0 : unseenThoughts([request.text, head.text]),
    answerUnread: unread ? sample.seen : 0,
    other: !silent ? undefined : isFile ? { bytes: sample.seen } : words ? { text } : undefined,
  }
}

function scale(whole: number, read: number): number {
  return read > 0 ? Math.max(1, whole / read) : 1
}

interface Text {
  /** Empty where the bytes are none, or none that can be read. */
  readonly text: string
  /** Bytes, as they were sent, that it stands for. */
  readonly read: number
  /** It was compressed. */
  readonly decoded: boolean
}

/** Unicode's byte order mark, and its last code point. */
const MARK = 0xfeff
const LAST = 0x10ffff

/** Of compressed bytes one in so many of those that may be looked at is. */
const PACKED = 8

const NONE = { text: '', read: 0, decoded: false }

function textOf(bytes: Uint8Array, encoding: string | undefined, most: number): Text {
  if (bytes.length === 0) return NONE
  const shown = signature(bytes)
  const named = codings(encoding)
  const all = named.length > 0 ? named : shown === undefined ? [] : [[shown]]
  // Compressed bytes can be a thousand times as many.
  const taken = all.length > 0 ? bytes.subarray(0, most / PACKED) : bytes
  let plain = taken
  for (const readings of all) plain = decode(plain, readings) ?? plain
  const decoded = plain !== taken
  const unknown = (encoding ?? '').split(',').some((name) => name.trim() !== '' && !isDecodable(name))
  if (!decoded && (unknown || shown !== undefined)) return NONE
  const part = plain.subarray(0, most)
  const text = unicode(part)
  if (!isText(text)) return NONE
  return { text, read: (taken.length * part.length) / Math.max(1, plain.length), decoded }
}

/** More than one character in so many that no text has shows that the bytes are none; frames of an event stream have some. */
const RARE = 3

function isText(text: string): boolean {
  const sample = text.slice(0, 1024)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they tell text from other bytes
  const odd = sample.match(/[\0-\x08\x0e-\x1f\uFFFD]/g)?.length ?? 0
  return odd * RARE <= sample.length
}

const JSON_STARTS = /^\s*[{["]/

/** Text in UTF-8; or in 16 or 32, which JSON parsers tell by the zeros that each of a document's first characters has (RFC 4627, 3). */
function unicode(bytes: Uint8Array): string {
  const wide = wideText(bytes)
  return wide !== undefined && JSON_STARTS.test(wide) ? wide : decoded('utf-8', bytes)
}

function wideText(bytes: Uint8Array): string | undefined {
  if (bytes.length < 4) return undefined
  const [a, b, c, d] = [...bytes.subarray(0, 4)].map((byte) => byte !== 0)
  if (!a && !b) return utf32(bytes, false)
  if (!c && !d) return utf32(bytes, true)
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (a && !b)) return decoded('utf-16le', bytes)
  if ((bytes[0] === 0xfe && bytes[1] === 0xff) || (!a && b)) return decoded('utf-16be', bytes)
  return undefined
}

function decoded(encoding: string, bytes: Uint8Array): string {
  return new TextDecoder(encoding).decode(bytes, { stream: true })
}

function utf32(bytes: Uint8Array, little: boolean): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let text = ''
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const point = view.getUint32(at, little)
    if (point > LAST) return text
    if (point !== MARK) text += String.fromCodePoint(point)
  }
  return text
}
