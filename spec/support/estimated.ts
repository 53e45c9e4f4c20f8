import { tokensOf } from '../../plugins/virtual-key/metering/estimate/tokens.ts'

/** What an answer that shows these words is estimated at: a quarter more than the tokenizer says, and ten tokens. */
export function answerCost(words: string): number {
  return Math.ceil(tokensOf(words) * 1.25 + 10)
}
