import type { Format } from '../format.ts'
import { reportAt } from '../format.ts'

const NAMES = { prompt: 'promptTokens', completion: 'completionTokens', total: 'totalTokens' }

/** Oracle's Generative AI, /actions/chat, for every family of models. Source: OCI API reference, Usage. */
export const oci: Format = {
  name: 'oci',
  ...reportAt('chatResponse.usage', NAMES),
}
