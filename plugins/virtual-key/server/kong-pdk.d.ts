// kong-pdk 0.6.0 ships no usable declarations. This is the one module used here, read from its source.

declare module 'kong-pdk/pdk.js' {
  /** What carries PDK calls to Kong, and Kong's answers back. */
  export interface Pipe {
    put(call: { readonly Method: string; readonly Args: readonly unknown[] }): void
    get(): Promise<readonly [result: unknown, error: unknown]>
  }

  export default class PDK {
    constructor(pipe: Pipe)
    /** The object that phases get. Each call on it is one `put`, and one `get` unless Kong never answers that call. */
    readonly kong: object
  }
}
