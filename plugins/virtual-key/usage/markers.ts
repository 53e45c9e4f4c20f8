/** Nearly every count has one of these in its name: prompt_tokens, promptTokenCount, outputTokens, eval_count. */
const COMMON = ['_token', 'Token', '_count']

/**
 * Texts of which each count that is read has one in its name, so that what holds none of them need not be read. A count whose name
 * has none of the common ones is a marker itself.
 * @param paths of counts, as in Report
 */
export function markersOf(paths: readonly string[]): readonly string[] {
  const names = paths.map(nameOf)
  return [...COMMON, ...new Set(names.filter((name) => !COMMON.some((marker) => name.includes(marker))))]
}

/** The name of the member at the end of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1)
}
