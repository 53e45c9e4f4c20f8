import { codings, decode, isDecodable, signature } from '../../usage/framing/encoding.ts'
import { type Answer, answerOf, unseenThoughts } from './answer-text.ts'
import { LOOKED_AT, type Sample } from './bounded-sample.ts'
import { type Prompt, promptOf } from './prompt.ts'

/** What could be read of a sample, and how much is missing. */
export interface ReadSample {
  /** undefined if the request does not seem to prompt a model. */
  readonly prompt: Prompt | undefined
  /** Length of the whole request divided by that of the part that was read; at least 1. */
  readonly promptScale: number
  /** Length of a request that may prompt a model but cannot be read; else 0. Unit: bytes. */
  readonly promptUnread: number
  /** Length of the rest of a request that was not read and probably contains text. Unit: bytes. */
  readonly promptRest: number
  readonly answer: Answer
  readonly answerScale: number
  /** Tokens of thoughts, for a model whose answers never show them. */
  readonly thoughts: number
  /** Length of an answer that may come from a model but cannot be read; else 0. Unit: bytes. */
  readonly answerUnread: number
  /** An answer that is not in the form of any known API. It comes from a model if the request prompts one. */
  readonly other: Other | undefined
}

/** Plain words, or the length in bytes of a sound, a picture or a file of numbers. */
export type Other = { readonly text: string } | { readonly bytes: number }

/** Types of requests and answers without text: pictures, sounds, archives, and forms with files. */
const FILES = /^\s*(image|audio|video|font|multipart)\/|octet-stream|zip|pdf/i
/** The beginnings of documents, streams of documents, frames of an event stream, scripts and pages; other answers are plain words. */
const WRITING = /^[\s\uFEFF]*([{["\0:<]|(data|event|id|retry):|\/[/*])/
const WORDS = /^\s*text\/(plain|markdown|vtt|srt)/i

/** @param most bytes that are read of the request, and of the answer */
export function readSample(sample: Sample, most = LOOKED_AT): ReadSample {
  const request = textOf(sample.request, sample.requestEncoding, most)
  const sent = Math.max(sample.sent ?? 0, sample.request.length)
  const prompt = request.text === '' ? undefined : promptOf(request.text, sample.requestType)
  const closed = request.text === '' && sent > 0 && !FILES.test(sample.requestType ?? '')
  const head = textOf(sample.head, sample.encoding, most)
  // Compressed data cannot be read from its middle.
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
  /** Empty if the bytes are not text, or cannot be decoded. */
  readonly text: string
  /** Number of bytes, as they were sent, from which the text was decoded. */
  readonly read: number
  /** Whether the bytes were compressed. */
  readonly decoded: boolean
}

/** Unicode's byte order mark, and its last code point. */
const MARK = 0xfeff
const LAST = 0x10ffff

/** The limit of bytes to read is divided by this for compressed data. */
const PACKED = 8

const NONE = { text: '', read: 0, decoded: false }

function textOf(bytes: Uint8Array, encoding: string | undefined, most: number): Text {
  if (bytes.length === 0) return NONE
  const shown = signature(bytes)
  const named = codings(encoding)
  const all = named.length > 0 ? named : shown === undefined ? [] : [[shown]]
  // Decompressed, they can be a thousand times as long.
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

/** Bytes are not text if more than one in this many characters does not occur in text; frames of an event stream contain some. */
const RARE = 3

function isText(text: string): boolean {
  const sample = text.slice(0, 1024)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they tell text from other bytes
  const odd = sample.match(/[\0-\x08\x0e-\x1f\uFFFD]/g)?.length ?? 0
  return odd * RARE <= sample.length
}

const JSON_STARTS = /^\s*[{["]/

/** Decodes UTF-8, UTF-16 or UTF-32; zero bytes in a document's first characters reveal the last two (RFC 4627, 3). */
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
