import { type Estimate, estimateOf } from './estimate.ts'
import { readSample } from './read.ts'
import { NOTHING, type Sample } from './sample.ts'

/** What a guess looks at of a request, and of an answer; it takes a millisecond or so of the thread that serves Kong. Unit: bytes. */
const GLANCE = 32 * 1024

/** Fewer than in nearly every text, so that it errs upward. Unit: bytes of UTF-8 for each token. */
const PER_TOKEN = 3

/** An estimate without a tokenizer, where that has too much to do or failed on this one. By bytes alone where this fails too. */
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
