import { NOTHING, type Sample } from './bounded-sample.ts'
import { type ReadSample, readSample } from './read-sample.ts'

/** Unit: tokens. */
export interface Estimate {
  /** undefined if the request does not seem to prompt a model. */
  readonly prompt?: number
  readonly completion: number
  /** The answer comes from a model, even if it contains none of the model's words or cannot be read. */
  readonly answered: boolean
}

/** Bytes that cannot be read, for each token: few enough for any language and compression in use. */
const UNREAD = 2

/** Bytes of a request after the part that is read, for each token, so that nothing can be hidden there. */
const REST = 6

/** Bytes of sounds and pictures for each token; a second of speech is about 20 tokens. */
const FILE = 256

/**
 * The factor by which the tokenizer's count of a model's words is raised, and the tokens that are added for each answer. With them, nine of
 * ten estimates are at least as high as the report, over recorded answers of all providers that show the whole answer.
 */
const MARGIN = 1.25
const PER_ANSWER = 10

/** Estimates the tokens of an exchange, rather too many than too few. @param tokensOf counts the tokens of a text */
export function estimateOf(read: ReadSample, tokensOf: (text: string) => number): Estimate {
  const { prompt, promptScale, promptUnread, promptRest, answer, answerScale, answerUnread } = read
  const seen = prompt === undefined ? 0 : tokensOf(prompt.text) + prompt.extra
  const asked =
    Math.ceil(promptUnread / UNREAD) + Math.ceil(Math.max(seen * promptScale, seen + promptRest / REST))
  const prompts = prompt !== undefined || promptUnread > 0 || promptRest > 0
  const other = prompts ? read.other : undefined
  const words = other !== undefined && 'text' in other ? other.text : answer.text
  const bytes = other !== undefined && 'bytes' in other ? other.bytes : 0
  const shown = (tokensOf(words) * MARGIN + answer.extra) * answerScale
  const written = shown > 0 ? shown + PER_ANSWER : 0
  return {
    ...(prompts ? { prompt: asked } : {}),
    completion:
      Math.ceil(written) + Math.ceil(answerUnread / UNREAD) + Math.ceil(bytes / FILE) + read.thoughts,
    answered: answer.answered || answerUnread > 0 || other !== undefined,
  }
}

/** How much a guess reads of a request, and of an answer: about a millisecond's work of the thread that serves Kong. Unit: bytes. */
const GLANCE = 32 * 1024

/** Fewer than in nearly every text, so that a guess is rather too high. Unit: bytes of UTF-8 for each token. */
const PER_TOKEN = 3

/** Estimates without a tokenizer, if that is overloaded or has failed on this sample; by the number of bytes alone if this fails too. */
export function guess(sample: Sample): Estimate {
  try {
    return glanced(sample)
  } catch {
    const { request, sent = request.length, seen } = sample
    return {
      prompt: Math.ceil(sent / PER_TOKEN),
      completion: Math.ceil(seen / PER_TOKEN),
      answered: true,
    }
  }
}

function glanced(sample: Sample): Estimate {
  return estimateOf(readSample(sample, GLANCE), (text) => Math.ceil(Buffer.byteLength(text) / PER_TOKEN))
}

/**
 * Whether an answer that reports no usage can come from a model: it has members that only such answers have, or cannot be read at all, or
 * is not in the form of any known API; in the last case the request decides.
 */
export function isAnswer(sample: Sample): boolean {
  const { answer, answerUnread, other } = readSample({ ...sample, request: NOTHING, sent: 0 }, GLANCE)
  return answer.answered || answerUnread > 0 || other !== undefined
}
