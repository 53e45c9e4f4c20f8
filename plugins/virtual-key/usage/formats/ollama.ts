import type { Format } from '../format.ts'
import { reportAt, reportIf } from '../format.ts'

const NAMES = { prompt: 'prompt_eval_count', completion: 'eval_count' }

/** Ollama's own API: the object with `done: true`. A prompt count that is zero or cached is absent (api/types.go, omitempty). */
export const ollama: Format = {
  name: 'ollama',
  ...reportIf(['done'], (facts) => facts.get('done') !== false, reportAt('', NAMES)),
}
