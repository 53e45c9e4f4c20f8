import type { Format } from '../format.ts'
import { reportAt } from '../format.ts'

const NAMES = {
  prompt: 'inputTextTokenCount',
  completion: ['totalOutputTextTokenCount', 'results[].tokenCount'],
}

/** Amazon Titan on Bedrock InvokeModel: text (a count for each result), its stream, and embeddings (prompt only). */
export const titan: Format = {
  name: 'bedrock-titan',
  ...reportAt('', NAMES),
}
