/** Methods that no API answers with a model's words, unless the request carries a body all the same. */
export const LOOKUPS = ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'TRACE'] as const

/** Whether a request of this method only looks something up, or takes it away, and spends no tokens. */
export function isLookup(method: string): boolean {
  return (LOOKUPS as readonly string[]).includes(method)
}
