import type { Format } from '../format.ts'
import { reportAt } from '../format.ts'

const NAMES = { prompt: 'predictions[].embeddings.statistics.token_count' }

/** Vertex AI :predict of text embedding models: a count for each instance, which together are the prompt. */
export const vertexPredict: Format = {
  name: 'vertex-predict',
  ...reportAt('', NAMES),
}
