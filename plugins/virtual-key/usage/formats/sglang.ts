import type { Format } from '../format.ts'
import { reportAt } from '../format.ts'

/** Cached tokens are a part of the prompt, reasoning is one of the completion. */
const NAMES = { prompt: 'prompt_tokens', completion: 'completion_tokens' }

/** SGLang's own API, /generate; the events of its stream carry a running count. Source: SGLang docs, sampling parameters. */
export const sglang: Format = {
  name: 'sglang',
  ...reportAt('meta_info', NAMES),
}
