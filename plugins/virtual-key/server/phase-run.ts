import PDK, { type Pipe } from 'kong-pdk/pdk.js'

/** A PDK call that Kong has to make. */
export interface PdkCall {
  readonly Method: string
  readonly Args: readonly unknown[]
}

/** The next step of a phase, as Kong gets it: a call to make, or the end of the phase. */
export type Next = PdkCall | typeof ENDED

export const ENDED = 'ret'

/** PDK calls that end the request on Kong's side, which never answers them. */
const FINAL_CALLS = new Set(['kong.response.exit', 'kong.response.error'])

/** Whether Kong sends no further call for this phase. */
export function isLast(next: Next): boolean {
  return next === ENDED || FINAL_CALLS.has(next.Method)
}

/**
 * One phase of a request. Kong fetches the `next` step, makes the call in it and sends its result; the phase waits for that result.
 * Calls that a phase does not await, and several at once, queue and are answered in their order.
 */
export class PhaseRun implements Pipe {
  readonly #calls: Next[] = []
  readonly #answered: Array<(answer: readonly [unknown, unknown]) => void> = []
  #asking: ((next: Next) => void) | undefined

  /** Starts the phase, which runs until its first call before this returns. */
  constructor(run: (kong: object) => unknown, failed: (error: unknown) => void) {
    void this.#run(run, failed)
  }

  async #run(run: (kong: object) => unknown, failed: (error: unknown) => void): Promise<void> {
    try {
      await run(new PDK(this).kong)
    } catch (error) {
      failed(error)
    }
    this.#offer(ENDED)
  }

  /** The next call of the phase, or its end. Kong makes one call at a time. */
  async next(): Promise<Next> {
    return this.#calls.shift() ?? (await new Promise<Next>((resolve) => (this.#asking = resolve)))
  }

  /** Kong's answer to the oldest call that has none. */
  answer(result: unknown, error: unknown): void {
    this.#answered.shift()?.([result, error])
  }

  put(call: PdkCall): void {
    this.#offer(call)
  }

  get(): Promise<readonly [unknown, unknown]> {
    return new Promise((resolve) => this.#answered.push(resolve))
  }

  #offer(next: Next): void {
    const asking = this.#asking
    this.#asking = undefined
    if (asking) asking(next)
    else this.#calls.push(next)
  }
}
