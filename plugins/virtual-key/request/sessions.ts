import { type Denial, NO_SESSION } from '../admission/denial.ts'
import { pathOf } from './target.ts'

/**
 * Segments of paths under which an API hands out sessions, or secrets for them, that a client then holds with the provider itself,
 * past this gateway and at the cost of the provider's key. Source: OpenAI API reference, Realtime and ChatKit (xAI and Azure copy
 * them); Gemini API, Ephemeral tokens.
 */
export const SESSIONS = ['realtime', 'realtimeapi', 'auth_tokens', 'chatkit'] as const

/** @param target path and query as they stand in the request line @returns the refusal of a request for such a session */
export function sessionDenial(target: string): Denial | undefined {
  const segments = pathOf(target).split('/')
  return SESSIONS.some((segment) => segments.includes(segment)) ? NO_SESSION : undefined
}
