import type { Format } from '../format.ts'
import { firstOf, reportAt } from '../format.ts'

/** Reasoning is a part of the output. */
const NAMES = { prompt: 'input_tokens', completion: 'total_output_tokens' }

/** LM Studio's own API, /api/v1/chat; its stream's last event, `chat.end`, has the whole answer as `result`. Source: its REST API docs. */
export const lmStudio: Format = {
  name: 'lm-studio',
  ...firstOf(reportAt('stats', NAMES), reportAt('result.stats', NAMES)),
}
