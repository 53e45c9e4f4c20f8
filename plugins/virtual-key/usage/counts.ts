/** Tokens that one upstream response reports. Unit: tokens. What the response does not report is absent, never 0. */
export interface Usage {
  readonly promptTokens?: number
  readonly completionTokens?: number
  readonly totalTokens: number
}

/**
 * Token counts in the parts that providers report separately. Unit: tokens. Providers differ in which parts their prompt count contains,
 * so a format fills only those parts that its `prompt` or `completion` does not contain. Then all parts can be added up.
 */
export interface Counts {
  readonly prompt?: number | undefined
  readonly cacheRead?: number | undefined
  readonly cacheWrite?: number | undefined
  readonly toolPrompt?: number | undefined
  readonly completion?: number | undefined
  readonly thoughts?: number | undefined
  /** The total that the response itself states; it wins over any sum. */
  readonly total?: number | undefined
}

/** Counts while they are being collected. */
export type Mutable = { -readonly [part in keyof Counts]: Counts[part] }

/** A reported value as tokens; undefined (not reported) when it cannot be a count. Floats occur on the wire: 6.0. */
export function tokens(value: unknown): number | undefined {
  if (typeof value !== 'number' || !(value >= 0)) return undefined
  const rounded = Math.round(value)
  return Number.isSafeInteger(rounded) ? rounded : undefined
}

/** Merges later counts of a response into earlier ones: counts are cumulative, so the last one wins. */
export function replace(earlier: Mutable, later: Counts): void {
  for (const part in later) {
    const count = later[part as keyof Counts]
    if (count !== undefined) earlier[part as keyof Counts] = count
  }
}

/** Adds to the counts of a body those that only the headers report. A stated total already contains everything. */
export function fill(body: Counts | undefined, headers: Counts | undefined): Counts | undefined {
  if (!body || !headers || body.total !== undefined) return body ?? headers
  const { prompt, cacheRead, cacheWrite, completion } = headers
  return {
    ...(promptOf(body) === undefined ? { prompt, cacheRead, cacheWrite } : {}),
    ...(completionOf(body) === undefined ? { completion } : {}),
    ...reported(body),
  }
}

/** @returns undefined if nothing was reported, or if the sum is not a safe integer */
export function usageOf(counts: Counts): Usage | undefined {
  const promptTokens = promptOf(counts)
  const completionTokens = completionOf(counts)
  const totalTokens = counts.total ?? tokens(sum(promptTokens, completionTokens))
  if (totalTokens === undefined) return undefined
  return {
    ...(promptTokens === undefined ? {} : { promptTokens }),
    ...(completionTokens === undefined ? {} : { completionTokens }),
    totalTokens,
  }
}

/**
 * The counts in response headers, for the APIs whose bodies do not report them.
 * @param names of each API's headers, in lower case
 */
export function headerCounts(
  headers: Readonly<Record<string, string>>,
  names: readonly Readonly<Partial<Record<keyof Counts, string>>>[],
): Counts | undefined {
  const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  for (const api of names) {
    const found = Object.entries(api).map(([part, name]) => [part, headerCount(lower.get(name))] as const)
    const counts = Object.fromEntries(found.filter(([, count]) => count !== undefined))
    if (Object.keys(counts).length > 0) return counts
  }
  return undefined
}

function headerCount(value: string | undefined): number | undefined {
  return value !== undefined && /^\s*\d+\s*$/.test(value) ? tokens(Number(value)) : undefined
}

function promptOf(counts: Counts): number | undefined {
  return tokens(sum(counts.prompt, counts.cacheRead, counts.cacheWrite, counts.toolPrompt))
}

function completionOf(counts: Counts): number | undefined {
  return tokens(sum(counts.completion, counts.thoughts))
}

function sum(...parts: (number | undefined)[]): number | undefined {
  const given = parts.filter((part) => part !== undefined)
  return given.length > 0 ? given.reduce((total, part) => total + part, 0) : undefined
}

function reported(counts: Counts): Partial<Counts> {
  return Object.fromEntries(Object.entries(counts).filter(([, value]) => value !== undefined))
}
