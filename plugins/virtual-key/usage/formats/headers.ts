import type { Counts } from '../counts.ts'
import { any, tokens } from '../counts.ts'

/** Bedrock InvokeModel, not streamed (API reference, InvokeModel), and Hugging Face TGI (server.rs, compat_generate). */
const SOURCES = [
  {
    prompt: 'x-amzn-bedrock-input-token-count',
    cacheRead: 'x-amzn-bedrock-cache-read-input-token-count',
    cacheWrite: 'x-amzn-bedrock-cache-write-input-token-count',
    completion: 'x-amzn-bedrock-output-token-count',
  },
  { prompt: 'x-prompt-tokens', completion: 'x-generated-tokens' },
] as const

/** Names, in lower case, of the response headers that report counts. */
export const USAGE_HEADERS: readonly string[] = SOURCES.flatMap((source) => Object.values(source))

/** The counts that response headers report, for the APIs whose bodies do not. */
export function headerCounts(headers: Readonly<Record<string, string>> | undefined): Counts | undefined {
  if (!headers) return undefined
  const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  for (const source of SOURCES) {
    const counts = Object.fromEntries(
      Object.entries(source).map(([part, name]) => [part, count(lower.get(name))]),
    ) as Counts
    if (any(counts)) return counts
  }
  return undefined
}

function count(value: unknown): number | undefined {
  return typeof value === 'string' && /^\s*\d+\s*$/.test(value) ? tokens(Number(value)) : undefined
}
