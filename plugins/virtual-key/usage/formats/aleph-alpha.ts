import type { Format } from '../format.ts'
import { reportAt } from '../format.ts'

const NAMES = { prompt: 'num_tokens_prompt_total', completion: 'num_tokens_generated' }

/** Aleph Alpha completions and embeddings. */
export const alephAlpha: Format = {
  name: 'aleph-alpha',
  ...reportAt('', NAMES),
}
