import type { Format } from '../format.ts'
import { reportAt } from '../format.ts'

const NAMES = { prompt: 'prompt_token_count', completion: 'generation_token_count' }

/** Meta Llama on Bedrock InvokeModel. Streamed: the prompt in the first chunk, the generation as a running count. */
export const llama: Format = {
  name: 'bedrock-llama',
  ...reportAt('', NAMES),
}
