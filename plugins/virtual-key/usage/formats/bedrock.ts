import type { ApiFormat } from '../api-format.ts'
import { firstOf, reportAt } from '../api-format.ts'

const CONVERSE_NAMES = {
  prompt: 'inputTokens',
  cacheRead: ['cacheReadInputTokens', 'cacheReadInputTokenCount'],
  cacheWrite: ['cacheWriteInputTokens', 'cacheWriteInputTokenCount'],
  completion: 'outputTokens',
  total: 'totalTokens',
}

/**
 * Bedrock Converse and ConverseStream, and Amazon Nova's own JSON (whose stream has `metadata.usage`). Cache counts are
 * not in `inputTokens`, but in `totalTokens` (Bedrock API reference, TokenUsage).
 */
export const converse: ApiFormat = {
  name: 'bedrock-converse',
  usage: firstOf(reportAt('usage', CONVERSE_NAMES), reportAt('metadata.usage', CONVERSE_NAMES)),
  answer: {
    text: ['text'],
    objects: ['input'],
    sealed: ['signature'],
    call: /"toolUseId"\s*:/,
    marks: ['stopReason'],
  },
  request: {
    text: ['text', 'content', 'system'],
    schemas: ['toolConfig'],
    turns: ['messages'],
    media: ['bytes'],
  },
  bounds: {
    path: /\/converse(-stream)?\/*$/,
    // The second name occurs in Nova's own JSON.
    most: ['inferenceConfig.maxTokens', 'inferenceConfig.max_new_tokens'],
  },
  free: ['/count-tokens'],
}

/**
 * Metrics that Bedrock itself adds to the last event of InvokeModelWithResponseStream, for every family of models, and to the headers of
 * InvokeModel (API reference, InvokeModel).
 */
export const invocationMetrics: ApiFormat = {
  name: 'bedrock-invocation-metrics',
  usage: reportAt('amazon-bedrock-invocationMetrics', {
    prompt: 'inputTokenCount',
    cacheRead: 'cacheReadInputTokenCount',
    cacheWrite: 'cacheWriteInputTokenCount',
    completion: 'outputTokenCount',
  }),
  headers: {
    prompt: 'x-amzn-bedrock-input-token-count',
    cacheRead: 'x-amzn-bedrock-cache-read-input-token-count',
    cacheWrite: 'x-amzn-bedrock-cache-write-input-token-count',
    completion: 'x-amzn-bedrock-output-token-count',
  },
  answer: { text: [], wrapped: ['bytes'] },
  // Claude's text completions, which report nothing in their bodies.
  bounds: { most: ['max_tokens_to_sample'] },
}

/** Meta Llama on Bedrock InvokeModel. Streamed: the prompt in the first chunk, the generation as a running count. */
export const llama: ApiFormat = {
  name: 'bedrock-llama',
  usage: reportAt('', { prompt: 'prompt_token_count', completion: 'generation_token_count' }),
  answer: { text: ['generation'], marks: ['stop_reason'] },
  request: { text: ['prompt'] },
  bounds: { most: ['max_gen_len'] },
}

/** Amazon Titan on Bedrock InvokeModel: text (a count for each result), its stream, and embeddings (prompt only). */
export const titan: ApiFormat = {
  name: 'bedrock-titan',
  usage: reportAt('', {
    prompt: 'inputTextTokenCount',
    completion: ['totalOutputTextTokenCount', 'results[].tokenCount'],
  }),
  answer: { text: ['outputText'], marks: ['outputText', 'embedding'] },
  request: { input: ['inputText'] },
  bounds: { most: ['textGenerationConfig.maxTokenCount'] },
}
