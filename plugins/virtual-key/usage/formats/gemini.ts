import type { Format } from '../format.ts'
import { reportAt } from '../format.ts'

const NAMES = {
  prompt: 'promptTokenCount',
  toolPrompt: 'toolUsePromptTokenCount',
  completion: 'candidatesTokenCount',
  thoughts: 'thoughtsTokenCount',
  total: 'totalTokenCount',
}

/**
 * Gemini and Vertex AI generateContent, streamGenerateContent and embedContent: thoughts are not in the candidates and
 * tool-use prompts not in the prompt, while cached content is in the prompt (ai.google.dev, UsageMetadata).
 */
export const gemini: Format = {
  name: 'gemini',
  statesTotal: true,
  ...reportAt('usageMetadata', NAMES),
}
