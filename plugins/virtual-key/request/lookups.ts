/** Methods that no API answers with a model's words, unless the request carries a body all the same. */
export const LOOKUPS = ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'TRACE'] as const

/** Whether a request of this method only looks something up, or takes it away, and spends no tokens. */
export function isLookup(method: string): boolean {
  return (LOOKUPS as readonly string[]).includes(method)
}

/** Where an API keeps its answers, each under its id: OpenAI's Responses API and those that copy it. */
const KEPT_ANSWER = /\/responses\/[^/]+\/?$/i

/** The same as a Lua pattern, for the tap, of a path in lower case: some servers do not tell the letters apart. */
export const KEPT_ANSWER_LUA = '/responses/[^/]+/?$'

/** Whether a GET of this path fetches an answer, which may report what no answer to a POST has reported: it was made in the background. */
export function fetchesAnswer(path: string): boolean {
  return KEPT_ANSWER.test(path)
}

/** A response phase begins at most this long after its access phase. Unit: milliseconds. */
const LATEST = 15 * 60_000

/**
 * Whether fetched answers may be among those that are counted now. A response phase does not know the method, and asking Kong for it
 * costs a call, which only answers of such an API pay, and only while there are such requests. When this process starts there may be some
 * whose access phases the process before it has run: Kong has reloaded, or that process has died.
 */
export class Fetches {
  readonly #clock: () => number
  #latest: number

  /** @param clock milliseconds, never going back */
  constructor(clock: () => number) {
    this.#clock = clock
    this.#latest = clock()
  }

  /** A request that fetches an answer passes. */
  begin(): void {
    this.#latest = this.#clock()
  }

  get possible(): boolean {
    return this.#clock() - this.#latest < LATEST
  }
}
