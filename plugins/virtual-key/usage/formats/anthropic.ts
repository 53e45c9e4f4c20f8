import type { Format } from '../format.ts'
import { firstOf, reportAt, reportIf } from '../format.ts'

export const ANTHROPIC_NAMES = {
  prompt: 'input_tokens',
  cacheWrite: 'cache_creation_input_tokens',
  cacheRead: 'cache_read_input_tokens',
  completion: 'output_tokens',
}

/**
 * Anthropic Messages (also on Vertex, Azure and Bedrock). No total is stated and `input_tokens` excludes both cache
 * counts (anthropic-sdk-python, types/raw_message_delta_event.py: "Total input tokens ... is the summation"). In a
 * stream `message_delta` is cumulative and replaces, field by field, what `message_start` reported.
 */
export const anthropic: Format = {
  name: 'anthropic',
  ...firstOf(
    reportIf(
      ['type'],
      (facts) => facts.get('type') === 'message_start',
      reportAt('message.usage', ANTHROPIC_NAMES),
    ),
    reportIf(
      ['usage.total_tokens'],
      (facts) => facts.get('usage.total_tokens') === undefined,
      reportAt('usage', ANTHROPIC_NAMES),
    ),
  ),
}
