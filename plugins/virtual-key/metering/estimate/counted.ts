import type { Uncounted } from '../../telemetry/metrics.ts'
import type { Usage } from '../../usage/read-usage.ts'
import type { Estimate } from './estimate.ts'

/** The tokens with which a response is counted. */
export interface Counted {
  readonly usage: Usage
  readonly estimated: boolean
}

/**
 * An answer that broke off reports at most the tokens up to some point before. If the estimate is more than this many times the report,
 * the estimate counts.
 */
const BEYOND = 2

/**
 * Uses the estimate where a report is missing. A report counts, even of 0, unless the answer broke off after it. An answer that broke
 * off before it contained anything costs its prompt. A whole answer that does not come from a model costs nothing: the request stored a
 * file, for example, or only counted tokens.
 * @param ended whether the whole answer was seen
 */
export function counted(
  reported: Usage | Uncounted,
  estimate: Estimate | undefined,
  ended: boolean,
): Counted | Uncounted {
  if (typeof reported !== 'string') return ended ? asReported(reported) : brokenOff(reported, estimate)
  if (estimate === undefined || (ended && !estimate.answered)) return reported
  const guess = estimated(estimate.prompt, estimate.completion)
  return guess.usage.totalTokens > 0 ? guess : reported
}

function brokenOff(reported: Usage, estimate: Estimate | undefined): Counted {
  const { promptTokens, completionTokens, totalTokens } = reported
  const partial = totalTokens > 0 && (promptTokens ?? completionTokens) !== undefined
  if (!partial || (estimate?.completion ?? 0) <= (completionTokens ?? 0) * BEYOND) return asReported(reported)
  return estimated(promptTokens ?? estimate?.prompt, estimate?.completion)
}

function asReported(usage: Usage): Counted {
  return { usage, estimated: false }
}

function estimated(promptTokens = 0, completionTokens = 0): Counted {
  return {
    usage: { promptTokens, completionTokens, totalTokens: promptTokens + completionTokens },
    estimated: true,
  }
}
