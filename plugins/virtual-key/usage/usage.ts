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
  /** All response headers; some APIs report usage there. Names are compared in lower case. */
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * Why a body gave no usage. `no_usage`: it could be read and is silent. `unreadable`: its encoding, framing or JSON
 * could not be decoded, so tokens may have been spent that nobody counted.
 */
export type Silence = 'no_usage' | 'unreadable'

/** An answer that its API keeps, so that it can be fetched again with the usage that it once reported, or did not yet. */
export interface Answer {
  readonly id: string
  /** Made while nobody waits: the request's own answer reports nothing, and one that is fetched later does. */
  readonly background: boolean
}

/** Usage, or the reason why there is none. */
export type Reading = {
  readonly answer?: Answer
  /** Members of the usage are missing that such a response always has. */
  readonly partial?: true
} & (
  | { readonly usage: Usage; readonly reason?: undefined }
  | { readonly usage?: undefined; readonly reason: Silence }
)
