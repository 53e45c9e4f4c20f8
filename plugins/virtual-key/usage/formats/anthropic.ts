import type { ApiFormat } from '../api-format.ts'
import { firstOf, reportAt, reportIf } from '../api-format.ts'
import { usageOf } from '../counts.ts'

const NAMES = {
  prompt: 'input_tokens',
  cacheWrite: 'cache_creation_input_tokens',
  cacheRead: 'cache_read_input_tokens',
  completion: 'output_tokens',
}

const TOP = reportAt('usage', NAMES)
const EACH = reportAt('usage.iterations[]', NAMES)

/** A server that states a total as OpenAI does has added everything up. */
const TOTAL = 'usage.total_tokens'

/**
 * Anthropic Messages (also on Vertex, Azure and Bedrock). No total is stated and `input_tokens` excludes both cache
 * counts (anthropic-sdk-python, types/raw_message_delta_event.py: "Total input tokens ... is the summation"). In a
 * stream `message_delta` is cumulative and replaces, field by field, what `message_start` reported.
 */
export const anthropic: ApiFormat = {
  name: 'anthropic',
  usage: firstOf(
    reportIf(['type'], (facts) => facts.get('type') === 'message_start', reportAt('message.usage', NAMES)),
    reportIf([TOTAL], (facts) => facts.get(TOTAL) === undefined, TOP),
  ),
  answer: {
    text: ['text', 'partial_json', 'thinking', 'completion'],
    objects: ['input'],
    sealed: ['signature'],
    call: /"type"\s*:\s*"(?:server_|mcp_)?tool_use"/,
    marks: ['stop_reason', 'completion'],
  },
  request: {
    text: ['content', 'text', 'prompt', 'system'],
    input: ['input', 'thinking'],
    schemas: ['tools', 'output_format'],
    turns: ['messages'],
    media: ['url', 'data'],
  },
  bounds: { path: /\/messages\/*$/, most: ['max_tokens'] },
  free: ['/count_tokens', '/batches', '/files', '/cancel'],
}

/**
 * The iterations that Anthropic's models need for one answer, each with its own usage: before a compaction, by an advisor, or by a model
 * that another one replaced. The top level leaves some of these out ("To calculate total tokens consumed and billed for a
 * request, sum across all entries in the `usage.iterations` array", platform.claude.com, Compaction, Understanding usage), so
 * the sum counts if it is larger. Bedrock's own metrics, which do not include iterations, come after it.
 */
export const anthropicIterations: ApiFormat = {
  name: 'anthropic-iterations',
  usage: reportIf([TOTAL], (facts) => facts.get(TOTAL) === undefined, {
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
