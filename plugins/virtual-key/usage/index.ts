import type { Hints, Usage } from './usage.ts'
export function inspectUsage(
  body: Uint8Array,
  _hints?: Hints,
): { usage: Usage; reason?: never } | { usage?: never; reason: 'no_usage' | 'unreadable' } {
  try {
    const t = JSON.parse(new TextDecoder().decode(body))?.usage?.total_tokens
    if (typeof t === 'number') return { usage: { totalTokens: t } }
    return { reason: 'no_usage' }
  } catch {
    return { reason: 'unreadable' }
  }
}
