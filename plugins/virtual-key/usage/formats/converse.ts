import type { Format } from '../format.ts'
import { firstOf, reportAt } from '../format.ts'

const NAMES = {
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
export const converse: Format = {
  name: 'bedrock-converse',
  ...firstOf(reportAt('usage', NAMES), reportAt('metadata.usage', NAMES)),
}
