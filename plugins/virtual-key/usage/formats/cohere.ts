import type { ApiFormat } from '../api-format.ts'
import { firstOf, reportAt } from '../api-format.ts'

/** v2 chat, its stream's `message-end`; v1 chat, generate and embed, their stream's `stream-end`. */
const PLACES = ['usage', 'delta.usage', 'meta', 'response.meta']
const NAMES = { prompt: 'input_tokens', completion: 'output_tokens' }

/** v1 before `meta` had tokens. */
const OLD_PLACES = ['token_count', 'response.token_count']
const OLD_NAMES = { prompt: 'prompt_tokens', completion: 'response_tokens', total: 'total_tokens' }

/**
 * Cohere. `tokens` is what the model processed, chat template included; `billed_units`, what is charged, counts only
 * where `tokens` is absent. Search units are no tokens.
 */
export const cohere: ApiFormat = {
  name: 'cohere',
  usage: firstOf(
    ...PLACES.flatMap((place) => [
      reportAt(`${place}.tokens`, NAMES),
      reportAt(`${place}.billed_units`, NAMES),
    ]),
    ...OLD_PLACES.map((place) => reportAt(place, OLD_NAMES)),
  ),
  answer: { text: ['text', 'arguments'], marks: ['generations', 'finish_reason', 'embeddings'] },
  request: {
    text: ['content', 'text', 'prompt'],
    input: ['message', 'query', 'documents', 'texts'],
    schemas: ['tools'],
    turns: ['messages'],
    media: ['images', 'url'],
  },
  bounds: { most: ['max_tokens'] },
}
