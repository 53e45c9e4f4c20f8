import type { ApiFormat } from '../api-format.ts'
import { firstOf, reportAt, reportIf, startsAs } from '../api-format.ts'
import type { Facts } from '../json/facts.ts'

const GEMINI_NAMES = {
  prompt: 'promptTokenCount',
  toolPrompt: 'toolUsePromptTokenCount',
  completion: 'candidatesTokenCount',
  thoughts: 'thoughtsTokenCount',
  total: 'totalTokenCount',
}

/** The name of a Gemini or Vertex cached content: its token count is its size, and nothing was generated. */
const CACHED_CONTENT = /(^|\/)cachedContents\//

/**
 * Gemini and Vertex AI generateContent, streamGenerateContent and embedContent: thoughts are not in the candidates and
 * tool-use prompts not in the prompt, while cached content is in the prompt (ai.google.dev, UsageMetadata).
 */
export const gemini: ApiFormat = {
  name: 'gemini',
  usage: reportAt('usageMetadata', GEMINI_NAMES),
  statesTotal: true,
  stored: { paths: ['name'], holds: (facts) => CACHED_CONTENT.test(String(facts.get('name'))) },
  answer: {
    text: ['text'],
    objects: ['args'],
    sealed: ['thoughtSignature', 'thought_signature'],
    call: /"functionCall"\s*:/,
    marks: ['candidates', 'finishReason', 'embedding', 'embeddings'],
  },
  request: {
    text: ['text'],
    schemas: ['tools', 'tool_config', 'toolConfig'],
    turns: ['contents'],
    media: ['data', 'fileUri', 'file_uri'],
  },
  bounds: {
    path: /:(stream)?generatecontent\/*$/,
    most: ['generationConfig.maxOutputTokens'],
    answers: ['generationConfig.candidateCount'],
  },
  free: [':countTokens'],
}

const INTERACTION_NAMES = {
  prompt: 'total_input_tokens',
  toolPrompt: 'total_tool_use_tokens',
  completion: 'total_output_tokens',
  thoughts: 'total_thought_tokens',
  total: 'total_tokens',
}

const TYPE = 'event_type'

/** OpenAI's usage has the same name for the total. */
function isOwn(facts: Facts): boolean {
  return (facts.get('usage.total_input_tokens') ?? facts.get('usage.total_output_tokens')) !== undefined
}

/** Gemini Interactions: the stream's events carry running usage in `metadata`, the last one the final usage. */
export const interactions: ApiFormat = {
  name: 'gemini-interactions',
  usage: firstOf(
    reportIf([], isOwn, reportAt('usage', INTERACTION_NAMES)),
    reportIf(
      [TYPE],
      (facts) => startsAs(facts, TYPE, 'interaction.'),
      reportAt('interaction.usage', INTERACTION_NAMES),
    ),
    reportIf([TYPE], (facts) => facts.get(TYPE) !== undefined, reportAt('metadata.usage', INTERACTION_NAMES)),
  ),
  statesTotal: true,
  answer: { text: ['text'], pieces: ['delta'] },
  request: { text: ['text'], input: ['input'], turns: ['input'], schemas: ['tools'] },
}

/** Vertex AI :predict of text embedding models: a count for each instance, which together are the prompt. */
export const vertexPredict: ApiFormat = {
  name: 'vertex-predict',
  usage: reportAt('', { prompt: 'predictions[].embeddings.statistics.token_count' }),
  answer: { text: ['content'], marks: ['embeddings'] },
  request: { text: ['content', 'prompt'] },
  bounds: { most: ['parameters.maxOutputTokens'], answers: ['parameters.candidateCount'] },
}
