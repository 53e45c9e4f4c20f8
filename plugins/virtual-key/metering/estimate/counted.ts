import type { Uncounted } from '../../telemetry/metrics.ts'
import type { Usage } from '../../usage/read-usage.ts'
import type { Estimate } from './estimate.ts'

/** What a response is counted as. */
export interface Counted {
  readonly usage: Usage
  readonly estimated: boolean
}

/** An answer that broke off reports only what came before, if anything; an estimate that is more than this multiple of it counts instead. */
const BEYOND = 2

/**
 * Puts an estimate where a report is missing. What is reported stands, a 0 too, but for the start of an answer that broke off. An
 * answer that broke off before it showed anything costs its prompt. A whole one that is no model's costs nothing: a file was stored,
 * or tokens were only counted.
 * @param ended the whole answer was seen
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
