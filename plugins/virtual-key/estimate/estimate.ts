import type { ReadSample } from './read.ts'

/** Unit: tokens. */
export interface Estimate {
  /** undefined: the request prompts no model, as far as can be told. */
  readonly prompt?: number
  readonly completion: number
  /** The answer is a model's, though it may show no word of it, or cannot be read. */
  readonly answered: boolean
}

/** What cannot be read costs no less than this in any language and compression in use. Unit: bytes for each token. */
const UNREAD = 2

/** An estimate by what was read of an exchange; `tokensOf` counts a text's tokens. It errs upward in doubt. */
export function estimateOf(read: ReadSample, tokensOf: (text: string) => number): Estimate {
  const { prompt, promptScale, promptUnread, answer, answerScale, answerUnread } = read
  const asked =
    prompt === undefined
      ? Math.ceil(promptUnread / UNREAD)
      : Math.ceil((tokensOf(prompt.text) + prompt.extra) * promptScale)
  return {
    ...(prompt === undefined && promptUnread === 0 ? {} : { prompt: asked }),
    completion: Math.ceil(tokensOf(answer.text) * answerScale) + Math.ceil(answerUnread / UNREAD),
    answered: answer.answered || answerUnread > 0,
  }
}
