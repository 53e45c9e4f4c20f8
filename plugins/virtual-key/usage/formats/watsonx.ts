import type { Format } from '../format.ts'
import { reportAt } from '../format.ts'

const NAMES = { prompt: 'results[].input_token_count', completion: 'results[].generated_token_count' }

const REPORT = reportAt('', NAMES)

/**
 * IBM watsonx text generation. Streamed: the input count stands in the first event and is 0 in all later ones, which
 * is not a report of 0; the generated count is running.
 */
export const watsonx: Format = {
  name: 'watsonx',
  paths: REPORT.paths,
  counts: REPORT.counts,
  read: (facts) => {
    const counts = REPORT.read(facts)
    return counts?.prompt === 0 && counts.completion !== undefined
      ? { completion: counts.completion }
      : counts
  },
}
