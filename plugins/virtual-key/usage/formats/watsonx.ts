import type { ApiFormat } from '../api-format.ts'
import { reportAt } from '../api-format.ts'

const REPORT = reportAt('', {
  prompt: 'results[].input_token_count',
  completion: 'results[].generated_token_count',
})

/**
 * IBM watsonx text generation. Streamed: the input count stands in the first event and is 0 in all later ones, which
 * is not a report of 0; the generated count is running.
 */
export const watsonx: ApiFormat = {
  name: 'watsonx',
  usage: {
    ...REPORT,
    read: (facts) => {
      const counts = REPORT.read(facts)
      return counts?.prompt === 0 && counts.completion !== undefined
        ? { completion: counts.completion }
        : counts
    },
  },
  answer: { text: ['generated_text'], marks: ['generated_text', 'stop_reason'] },
  request: { input: ['input'] },
  bounds: { most: ['parameters.max_new_tokens'] },
}
