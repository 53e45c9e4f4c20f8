import type { ApiFormat } from '../api-format.ts'
import { firstOf, reportAt } from '../api-format.ts'

/** Aleph Alpha completions and embeddings. */
export const alephAlpha: ApiFormat = {
  name: 'aleph-alpha',
  usage: reportAt('', { prompt: 'num_tokens_prompt_total', completion: 'num_tokens_generated' }),
  answer: { text: ['completion'], marks: ['completion', 'finish_reason', 'embeddings'] },
  request: { text: ['prompt'] },
  bounds: { most: ['maximum_tokens'], answers: ['n', 'best_of'] },
}

/** Reasoning is a part of the output. */
const STATS = { prompt: 'input_tokens', completion: 'total_output_tokens' }

/** LM Studio's own API, /api/v1/chat; its stream's last event, `chat.end`, has the whole answer as `result`. Source: its REST API docs. */
export const lmStudio: ApiFormat = {
  name: 'lm-studio',
  usage: firstOf(reportAt('stats', STATS), reportAt('result.stats', STATS)),
  answer: { text: ['content'], objects: ['arguments'] },
  request: { text: ['content'], input: ['input'] },
  bounds: { most: ['max_output_tokens'] },
}

/** Oracle's Generative AI, /actions/chat, for every family of models. Source: OCI API reference, Usage. */
export const oci: ApiFormat = {
  name: 'oci',
  usage: reportAt('chatResponse.usage', {
    prompt: 'promptTokens',
    completion: 'completionTokens',
    total: 'totalTokens',
  }),
  answer: { text: ['text', 'content'], marks: ['choices', 'finishReason'] },
  request: { text: ['text', 'content'], input: ['message'], turns: ['messages'] },
  bounds: { most: ['chatRequest.maxTokens'], answers: ['chatRequest.numGenerations'] },
}

/** SGLang's own API, /generate; the events of its stream carry a running count. Source: SGLang docs, sampling parameters. */
export const sglang: ApiFormat = {
  name: 'sglang',
  // Cached tokens are a part of the prompt, reasoning is one of the completion.
  usage: reportAt('meta_info', { prompt: 'prompt_tokens', completion: 'completion_tokens' }),
  answer: { text: ['text'], marks: ['finish_reason'] },
  request: { text: ['text'] },
  bounds: { most: ['sampling_params.max_new_tokens'], answers: ['sampling_params.n'] },
}
