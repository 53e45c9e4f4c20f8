import type { Uncounted } from '../metrics.ts'
import { type Usage, UsageReader } from '../usage/index.ts'
import type { Tapped } from './tapped.ts'

/** The usage that a tapped response reports, else why it has none. */
export function tappedUsage({ hints, head, tail, ended }: Tapped): Usage | Uncounted {
  const reader = new UsageReader(hints)
  reader.feed(head)
  if (tail !== undefined) {
    reader.gap()
    reader.feed(tail)
  }
  const { usage, reason } = reader.inspect()
  return usage ?? (ended ? reason : 'cut_off')
}
