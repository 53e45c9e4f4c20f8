import { tokensOf } from '../../plugins/virtual-key/metering/estimate/tokens.ts'

/** The estimate for an answer with these words: the tokenizer's count and a quarter more, and ten tokens. */
export function answerCost(words: string): number {
  return Math.ceil(tokensOf(words) * 1.25 + 10)
}
