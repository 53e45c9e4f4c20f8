import PDK, { type Pipe } from 'kong-pdk/pdk.js'

/** A PDK call that Kong has to make. */
export interface PdkCall {
  readonly Method: string
  readonly Args: readonly unknown[]
}

/** What Kong gets next of a phase: a call to make, or that the phase has ended. */
export type Next = PdkCall | typeof ENDED

export const ENDED = 'ret'

/** PDK calls that end the request on Kong's side, which never answers them. */
const FINAL_CALLS = new Set(['kong.response.exit', 'kong.response.error'])

/** Whether Kong asks for nothing more of this phase. */
export function isLast(next: Next): boolean {
  return next === ENDED || FINAL_CALLS.has(next.Method)
}

/**
 * One phase of one request under way. Kong asks what comes `next` and answers the call that it got; the phase waits for the answer.
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

  /** The next call of the phase, or its end. Kong asks one thing at a time. */
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
