/**
 * OpenAI's models that think without showing it, and whose streams report usage only when asked: the o series, and gpt-5 and later but
 * for those named chat. Other vendors' thinking models show their thoughts, or report usage in every stream. As requests and answers
 * name them. Source: OpenAI's model pages and its guide to reasoning models.
 */
const THINKING = /"model"\s*:\s*"(?:[\w.:-]+\/)*(?:o\d|gpt-(?:[5-9]|\d\d))(?![\w.-]*chat)[\w.:-]*"/

/** What such a model is taken to have thought: recorded answers took 64 in the middle, and one in fifteen took more. Unit: tokens. */
const UNSEEN = 256

/** Tokens of thoughts that no answer of this model shows. @param texts of the request and of the answer, as far as they are known */
export function unseenThoughts(...texts: readonly string[]): number {
  return texts.some((text) => THINKING.test(text)) ? UNSEEN : 0
}
