import type { ApiFormat } from '../api-format.ts'
import { reportAt, reportIf } from '../api-format.ts'

/**
 * Hugging Face Text Generation Inference, /generate and its stream's last event. Newer servers report the prompt's length
 * in the stream; older ones only in the header `x-prompt-tokens` (server.rs, compat_generate).
 */
export const tgi: ApiFormat = {
  name: 'tgi',
  usage: reportIf(
    [],
    (facts) => facts.get('details.generated_tokens') !== undefined,
    reportAt('details', { prompt: 'input_length', completion: 'generated_tokens' }),
  ),
  headers: { prompt: 'x-prompt-tokens', completion: 'x-generated-tokens' },
  answer: { text: ['generated_text'], marks: ['generated_text', 'finish_reason'] },
  request: { input: ['inputs'] },
  bounds: {
    most: ['max_new_tokens', 'parameters.max_new_tokens'],
    answers: ['parameters.num_return_sequences', 'parameters.best_of'],
  },
  free: ['/tokenize', '/detokenize'],
}
