import type { Uncounted } from '../metrics.ts'
import type { Usage } from '../usage/usage.ts'
import type { Estimate } from './estimate.ts'

/** What a response is counted as. */
export interface Counted {
  readonly usage: Usage
  readonly estimated: boolean
}

/** An answer that broke off has a count of what came before, if any; an estimate beyond this multiple of it knows better. */
const BEYOND = 2

/**
 * Puts an estimate where a report is missing. What is reported stands, a 0 too, but for the start of an answer that broke off.
 * @param ended the whole answer was seen
 */
export function counted(
  reported: Usage | Uncounted,
  estimate: Estimate | undefined,
  ended: boolean,
): Counted | Uncounted {
  if (typeof reported !== 'string') {
    const partial = !ended && reported.totalTokens > 0 && reported.completionTokens !== undefined
    if (!partial || (estimate?.completion ?? 0) <= reported.completionTokens * BEYOND)
      return { usage: reported, estimated: false }
    return estimated(reported.promptTokens ?? estimate?.prompt, estimate?.completion)
  }
  // A whole answer without a word of a model is none: a file was stored, or tokens were only counted.
  if (estimate === undefined || (ended && estimate.completion === 0)) return reported
  const guess = estimated(estimate.prompt, estimate.completion)
  return guess.usage.totalTokens > 0 ? guess : reported
}

function estimated(promptTokens = 0, completionTokens = 0): Counted {
  return {
    usage: { promptTokens, completionTokens, totalTokens: promptTokens + completionTokens },
    estimated: true,
  }
}
