import type { Format } from '../format.ts'
import { reportAt } from '../format.ts'

const NAMES = {
  prompt: 'inputTokenCount',
  cacheRead: 'cacheReadInputTokenCount',
  cacheWrite: 'cacheWriteInputTokenCount',
  completion: 'outputTokenCount',
}

/** What Bedrock itself adds to the last event of InvokeModelWithResponseStream, for every family of models. */
export const invocationMetrics: Format = {
  name: 'bedrock-invocation-metrics',
  ...reportAt('amazon-bedrock-invocationMetrics', NAMES),
}
