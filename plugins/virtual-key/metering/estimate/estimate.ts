import { NOTHING, type Sample } from './bounded-sample.ts'
import { type ReadSample, readSample } from './read-sample.ts'

/** Unit: tokens. */
export interface Estimate {
  /** undefined: the request prompts no model, as far as can be told. */
  readonly prompt?: number
  readonly completion: number
  /** The answer is a model's, though it may show no word of it, or cannot be read. */
  readonly answered: boolean
}

/** Bytes that cannot be read are counted as one token for so many, which is not too few in any language and compression in use. */
const UNREAD = 2

/** Bytes of a request after the part that is looked at are counted as one token for so many, so that nothing hides there. */
const REST = 6

/** Bytes of sounds and pictures are counted as one token for so many; a second of speech is about 20 tokens. */
const FILE = 256

/**
 * How many times what the tokenizer says a model's words are taken for, and what an answer costs besides. Over recorded answers of all
 * providers that makes nine of ten estimates no lower than what was reported, where the recording shows all of the answer.
 */
const MARGIN = 1.25
const PER_ANSWER = 10

/** An estimate by what was read of an exchange; `tokensOf` counts a text's tokens. It errs upward in doubt. */
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

/** What a guess looks at of a request, and of an answer; it takes a millisecond or so of the thread that serves Kong. Unit: bytes. */
const GLANCE = 32 * 1024

/** Fewer than in nearly every text, so that it errs upward. Unit: bytes of UTF-8 for each token. */
const PER_TOKEN = 3

/** Estimates without a tokenizer, where that is overloaded or failed on this sample; by the number of bytes where this fails too. */
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
 * Whether an answer that reports nothing can be a model's: it shows what only theirs have, cannot be read at all, or is in none of the
 * APIs' writings, when its request tells.
 */
export function isAnswer(sample: Sample): boolean {
  const { answer, answerUnread, other } = readSample({ ...sample, request: NOTHING, sent: 0 }, GLANCE)
  return answer.answered || answerUnread > 0 || other !== undefined
}
