import type { Facts } from '../json/facts.ts'
import type { Answer } from '../usage.ts'

/** What `answerOf` looks at: the document itself, or the `response` that a stream's event carries. */
export const ANSWER_PATHS: readonly string[] = ['', 'response.'].flatMap((place) =>
  ['object', 'id', 'background'].map((name) => `${place}${name}`),
)

/** An answer of OpenAI's Responses API (API reference, The Response object). */
export function answerOf(facts: Facts): Answer | undefined {
  for (const place of ['', 'response.']) {
    const id = facts.get(`${place}id`)
    if (facts.get(`${place}object`) === 'response' && typeof id === 'string')
      return { id, background: facts.get(`${place}background`) === true }
  }
  return undefined
}
