import type { ApiFormat } from '../api-format.ts'
import { reportAt, reportIf } from '../api-format.ts'

const REPORT = reportAt('', { prompt: 'prompt_eval_count', completion: 'eval_count' })

/** Ollama's own API: the object with `done: true`. A prompt count that is zero or cached is absent (api/types.go, omitempty). */
export const ollama: ApiFormat = {
  name: 'ollama',
  usage: reportIf(['done'], (facts) => facts.get('done') !== false, REPORT),
  answer: {
    text: ['content', 'response', 'thinking'],
    objects: ['arguments'],
    marks: ['done_reason', 'embedding', 'embeddings'],
  },
  request: {
    text: ['content', 'prompt', 'system'],
    input: ['input', 'suffix'],
    schemas: ['tools'],
    turns: ['messages'],
    media: ['images'],
  },
  bounds: { path: /\/api\/(chat|generate)\/*$/, most: ['options.num_predict'] },
}
