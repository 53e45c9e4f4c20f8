import type { Format } from '../format.ts'
import { reportAt, reportIf } from '../format.ts'

const NAMES = { prompt: 'input_length', completion: 'generated_tokens' }

/**
 * Hugging Face Text Generation Inference, /generate and its stream's last event. Newer servers add the prompt's length
 * to the stream; else only the header `x-prompt-tokens` has it.
 */
export const tgi: Format = {
  name: 'tgi',
  ...reportIf([], (facts) => facts.get('details.generated_tokens') !== undefined, reportAt('details', NAMES)),
}
