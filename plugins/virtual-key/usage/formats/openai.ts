import type { Format } from '../format.ts'
import { firstOf, reportAt, reportIf } from '../format.ts'
import type { Facts } from '../json/facts.ts'

const NAMES = { prompt: 'prompt_tokens', completion: 'completion_tokens', total: 'total_tokens' }

/** Other APIs share the name of the total. */
const OTHERS = ['usage.input_tokens', 'usage.output_tokens']

/**
 * OpenAI chat completions, completions, embeddings and thread runs, and what is shaped like them: Azure, Groq, Mistral,
 * DeepSeek, xAI, Together, Perplexity, OpenRouter, vLLM, Ollama's /v1, Voyage (total only) and others. The stated
 * total is needed: xAI, Mistral and Gemini count tokens in it that neither side has. Groq repeats its usage in
 * `x_groq`; older models of it report it only there.
 */
export const openai: Format = {
  name: 'openai',
  statesTotal: true,
  ...firstOf(reportIf(OTHERS, isOwn, reportAt('usage', NAMES)), reportAt('x_groq.usage', NAMES)),
}

function isOwn(facts: Facts): boolean {
  const named = facts.get('usage.prompt_tokens') ?? facts.get('usage.completion_tokens')
  return named !== undefined || OTHERS.every((path) => facts.get(path) === undefined)
}
