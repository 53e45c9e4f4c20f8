import type { ApiFormat } from '../api-format.ts'
import { firstOf, type Report, reportAt, reportIf, startsAs } from '../api-format.ts'
import type { Facts } from '../json/facts.ts'

const COMPLETION_NAMES = { prompt: 'prompt_tokens', completion: 'completion_tokens', total: 'total_tokens' }
const RESPONSE_NAMES = { prompt: 'input_tokens', completion: 'output_tokens', total: 'total_tokens' }

/** Further APIs use the same name for the total. */
const OTHERS = ['usage.input_tokens', 'usage.output_tokens']

function isOwn(facts: Facts): boolean {
  const named = facts.get('usage.prompt_tokens') ?? facts.get('usage.completion_tokens')
  return named !== undefined || OTHERS.every((path) => facts.get(path) === undefined)
}

/**
 * `batch`: the sum over many earlier requests, repeated at each poll. `thread.run.step`: a part of a run, and the run reports the whole.
 */
const STORED = new Set(['batch', 'thread.run.step'])

/**
 * OpenAI chat completions, completions, embeddings and thread runs, and what is shaped like them: Azure, Groq, Mistral,
 * DeepSeek, xAI, Together, Perplexity, OpenRouter, vLLM, Ollama's /v1, Voyage (total only) and others. The stated
 * total is needed: in xAI, Mistral and Gemini it includes tokens that neither prompt nor completion contains. Groq repeats its usage in
 * `x_groq`, and its older models report it only there.
 */
export const openai: ApiFormat = {
  name: 'openai',
  usage: firstOf(
    reportIf(OTHERS, isOwn, reportAt('usage', COMPLETION_NAMES)),
    reportAt('x_groq.usage', COMPLETION_NAMES),
  ),
  statesTotal: true,
  stored: { paths: ['object'], holds: (facts) => STORED.has(String(facts.get('object'))) },
  answer: {
    text: ['content', 'text', 'arguments', 'reasoning_content', 'reasoning', 'refusal', 'transcript'],
    call: /"function"\s*:\s*\{[^{}]*"name"\s*:\s*"[^"]/,
    marks: ['choices', 'finish_reason', 'embedding'],
    // The o series, and gpt-5 and later except those named chat: their streams report usage only on request. Thinking models of other
    // vendors show their thoughts, or report usage in every stream. In recorded answers the median of a thought was 64 tokens, and one in
    // fifteen had more than 256. Source: OpenAI's model pages and its guide to reasoning models.
    unseen: { model: /(?:[\w.:-]+\/)*(?:o\d|gpt-(?:[5-9]|\d\d))(?![\w.-]*chat)[\w.:-]*/, tokens: 256 },
  },
  request: {
    text: ['content', 'text', 'prompt', 'instructions'],
    input: ['input', 'arguments', 'suffix', 'description'],
    schemas: ['tools', 'functions', 'response_format'],
    turns: ['messages'],
    tokens: ['prompt'],
    media: ['url', 'image_url', 'data', 'file_data'],
  },
  bounds: {
    path: /\/completions\/*$/,
    most: ['max_tokens', 'max_completion_tokens'],
    answers: ['n', 'best_of'],
  },
  free: ['/moderations', '/files', '/uploads', '/batches', '/vector_stores', '/cancel'],
}

/**
 * OpenAI Responses (also Azure, xAI, DeepSeek, OpenRouter, LM Studio, Bedrock Mantle), images and transcriptions: the
 * total is always stated, which distinguishes them from Anthropic's. In a stream, usage is in the terminal `response.*` event.
 */
export const responses: ApiFormat = {
  name: 'openai-responses',
  usage: firstOf(
    reportIf(['type'], (facts) => startsAs(facts, 'type', 'response.'), stated('response.usage')),
    stated('usage'),
  ),
  // API reference, The response object.
  kept: {
    event: 'response',
    names: ['object', 'id', 'background'],
    read: (member) => {
      const id = member('id')
      if (member('object') !== 'response' || typeof id !== 'string') return undefined
      return { id, background: member('background') === true }
    },
  },
  answer: {
    text: ['text', 'arguments', 'refusal', 'transcript'],
    pieces: ['delta'],
    call: /"type"\s*:\s*"function_call"/,
  },
  request: {
    text: ['content', 'text', 'instructions'],
    input: ['input', 'arguments', 'output'],
    schemas: ['tools'],
    turns: ['input'],
    media: ['image_url', 'file_data'],
  },
  bounds: { path: /\/responses\/*$/, most: ['max_output_tokens'] },
  free: ['/input_tokens', '/cancel'],
}

function stated(place: string): Report {
  return reportIf(
    [],
    (facts) => facts.get(`${place}.total_tokens`) !== undefined,
    reportAt(place, RESPONSE_NAMES),
  )
}
