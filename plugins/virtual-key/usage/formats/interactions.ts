import type { Format } from '../format.ts'
import { firstOf, reportAt, reportIf, startsAs } from '../format.ts'
import type { Facts } from '../json/facts.ts'

const NAMES = {
  prompt: 'total_input_tokens',
  toolPrompt: 'total_tool_use_tokens',
  completion: 'total_output_tokens',
  thoughts: 'total_thought_tokens',
  total: 'total_tokens',
}

const TYPE = 'event_type'

/** Gemini Interactions: the stream's events carry running usage in `metadata`, the last one the final usage. */
export const interactions: Format = {
  name: 'gemini-interactions',
  statesTotal: true,
  ...firstOf(
    reportIf([], isOwn, reportAt('usage', NAMES)),
    reportIf([TYPE], (facts) => startsAs(facts, TYPE, 'interaction.'), reportAt('interaction.usage', NAMES)),
    reportIf([TYPE], (facts) => facts.get(TYPE) !== undefined, reportAt('metadata.usage', NAMES)),
  ),
}

/** OpenAI's usage shares the name of the total. */
function isOwn(facts: Facts): boolean {
  return (facts.get('usage.total_input_tokens') ?? facts.get('usage.total_output_tokens')) !== undefined
}
