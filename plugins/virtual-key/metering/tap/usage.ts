import type { Uncounted } from '../../telemetry/metrics.ts'
import { type Answer, inspectUsage, type Usage } from '../../usage/read-usage.ts'
import type { Tapped } from './tapped.ts'

/** What a tapped response reports. */
export interface TappedUsage {
  /** Else why it has none. */
  readonly reported: Usage | Uncounted
  /** Where it can be fetched again. */
  readonly answer: Answer | undefined
}

export function tappedUsage({ hints, head, tail, ended }: Tapped): TappedUsage {
  const { usage, reason, answer } = inspectUsage(tail ? { head, tail } : head, hints)
  return { reported: usage ?? (ended ? reason : 'cut_off'), answer }
}
