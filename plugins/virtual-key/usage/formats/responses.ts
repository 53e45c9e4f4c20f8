import type { Format, Report } from '../format.ts'
import { firstOf, reportAt, reportIf, startsAs } from '../format.ts'

const NAMES = { prompt: 'input_tokens', completion: 'output_tokens', total: 'total_tokens' }

/**
 * OpenAI Responses (also Azure, xAI, DeepSeek, OpenRouter, LM Studio, Bedrock Mantle), images and transcriptions: the
 * total is always stated, which tells these from Anthropic's. In a stream, usage is in the terminal `response.*` event.
 */
export const responses: Format = {
  name: 'openai-responses',
  ...firstOf(
    reportIf(['type'], (facts) => startsAs(facts, 'type', 'response.'), stated('response.usage')),
    stated('usage'),
  ),
}

function stated(place: string): Report {
  return reportIf([], (facts) => facts.get(`${place}.total_tokens`) !== undefined, reportAt(place, NAMES))
}
