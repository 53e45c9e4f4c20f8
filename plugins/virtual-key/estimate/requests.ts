import { randomBytes } from 'node:crypto'

/** All that is kept together. What is left over by requests that never came to be counted is pushed out by later ones. */
const MOST_BYTES = 32 * 1024 * 1024

/** Bodies of requests under way: what the log phase estimates a prompt by, and cannot ask Kong for any more. */
export class Requests {
  /** Kong remembers names of a process that died. */
  readonly #process = randomBytes(6).toString('hex')
  readonly #bodies = new Map<string, Uint8Array>()
  #next = 0
  #bytes = 0

  /** @returns the name under which `take` finds it */
  keep(body: Uint8Array): string {
    const name = `${this.#process}-${this.#next++}`
    // A copy: the message from Kong that it is a part of may be much larger.
    this.#bodies.set(name, body.slice())
    this.#bytes += body.length
    for (const eldest of this.#bodies.keys()) {
      if (this.#bytes <= MOST_BYTES) break
      this.take(eldest)
    }
    return name
  }

  take(name: string): Uint8Array | undefined {
    const body = this.#bodies.get(name)
    this.#bodies.delete(name)
    this.#bytes -= body?.length ?? 0
    return body
  }
}
