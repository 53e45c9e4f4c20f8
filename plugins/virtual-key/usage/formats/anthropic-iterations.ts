import { usageOf } from '../counts.ts'
import type { Format } from '../format.ts'
import { reportAt, reportIf } from '../format.ts'
import { ANTHROPIC_NAMES } from './anthropic.ts'

const TOP = reportAt('usage', ANTHROPIC_NAMES)
const EACH = reportAt('usage.iterations[]', ANTHROPIC_NAMES)

/**
 * What Anthropic's models sampled for one answer, each time with usage of its own: before a compaction, by an advisor, by a model
 * that another one stood in for. The top level leaves some of these out ("To calculate total tokens consumed and billed for a
 * request, sum across all entries in the `usage.iterations` array", platform.claude.com, Compaction, Understanding usage), so that
 * the sum counts wherever it is the larger one. Bedrock's own metrics, which know nothing of iterations, come after it. Who states
 * a total in OpenAI's way has added them up.
 */
export const anthropicIterations: Format = {
  name: 'anthropic-iterations',
  ...reportIf(['usage.total_tokens'], (facts) => facts.get('usage.total_tokens') === undefined, {
    paths: [...TOP.paths, ...EACH.paths],
    counts: EACH.counts,
    read: (facts) => {
      const each = EACH.read(facts)
      const top = TOP.read(facts)
      const used = (each && usageOf(each)?.totalTokens) ?? 0
      return used > ((top && usageOf(top)?.totalTokens) ?? 0) ? each : undefined
    },
  }),
}
