/**
 * Exactly the PDK calls that the plugin makes. Each is one round trip over the plugin server's socket, 0.1 to 0.2 ms, so a new
 * member here is a price that every client pays. kong-pdk's own declarations do not compile together.
 * Source: KONG's PDK reference, and recordings of Kong 3.9.1.
 */
export interface Kong {
  readonly request: {
    /** Values are always arrays; names are in lower case. `max` values at most, 1 to 1000, and Kong's own default is fewer. */
    getHeaders(max: number): Promise<Record<string, string[]>>
    getMethod(): Promise<string>
    /** Normalized, without the query. */
    getPath(): Promise<string>
    /** Without `?`, as it stands in the request line. */
    getRawQuery(): Promise<string>
    /** Path and query as they stand in the request line. */
    getPathWithQuery(): Promise<string>
    /** Where the body is longer than `limit` bytes, Kong answers the client 500, and this call never returns. */
    getRawBody(limit: number): Promise<Uint8Array | undefined>
    /** A form's parts. undefined: no such form, or longer than `limit` bytes */
    getBody(type: 'multipart/form-data', maxArguments: number, limit: number): Promise<object | undefined>
  }
  readonly client: {
    getConsumer(): Promise<Consumer | undefined>
    /** Holds the plain key of key-auth: never log it. */
    getCredential(): Promise<{ readonly id?: string } | undefined>
  }
  readonly router: {
    getService(): Promise<{ readonly id?: string; readonly name?: string | null } | undefined>
  }
  readonly service: {
    readonly request: {
      setHeader(name: string, value: string): Promise<void>
      clearHeader(name: string): Promise<void>
      /** Kong writes the Content-Length anew. */
      setRawBody(body: Uint8Array): Promise<void>
    }
    readonly response: {
      /** The body as the upstream sent it, content encoding included. */
      getRawBody(): Promise<Uint8Array | undefined>
      getStatus(): Promise<number>
    }
  }
  readonly response: {
    getHeaders(): Promise<Record<string, string[]>>
    setHeader(name: string, value: string): Promise<void>
    clearHeader(name: string): Promise<void>
    setHeaders(headers: Readonly<Record<string, string>>): Promise<void>
    /** Ends the request on Kong's side but not this function: return after it. */
    exit(status: number, body: string, headers: Readonly<Record<string, string>>): Promise<void>
  }
  readonly nginx: {
    /** Bytes of the request as they came, headers and framing included. */
    getVar(name: 'request_length'): Promise<string | undefined>
    setCtx(name: 'buffered_proxying', value: boolean): Promise<void>
  }
  readonly ctx: {
    /** Lua tables of the request, shared with every plugin; only strings are put into them here. */
    readonly shared: {
      get(name: string): Promise<string | undefined>
      set(name: string, value: string): Promise<void>
    }
  }
  readonly log: {
    err(message: string): Promise<void>
    warn(message: string): Promise<void>
  }
}

/** A longer text or binary that Kong sends, such as the body of an answer, arrives as nil: it is dropped as it comes in. Unit: bytes. */
export const LONGEST_VALUE = 64 * 1024 * 1024

export interface Consumer {
  readonly id: string
  readonly username?: string | null
  readonly custom_id?: string | null
}
