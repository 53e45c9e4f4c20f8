/** Tokens that one upstream response reports. Unit: tokens. A side that the response does not report is absent, never 0. */
export interface Usage {
  readonly promptTokens?: number
  readonly completionTokens?: number
  readonly totalTokens: number
}

/** What the response's headers say about its body. Hints only: the bytes decide. */
export interface Hints {
  /** Content-Type as received. */
  readonly contentType?: string
  /** Content-Encoding as received. */
  readonly contentEncoding?: string
  /** All response headers, names in lower case; some APIs report usage there. */
  readonly headers?: Readonly<Record<string, string>>
}
