import { dirname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Estimate, Sample } from './estimate.ts'
import type { Question } from './worker.ts'

/** Estimates under way. More would be a sign that the thread cannot keep up. */
const MOST = 256

/**
 * Estimates in a thread of its own, which is started by the first estimate: whoever does not need it pays nothing, and no request
 * waits for it.
 */
export class Estimator {
  #worker: Worker | undefined
  #id = 0
  readonly #waiting = new Map<number, (estimate: Estimate | undefined) => void>()

  /** undefined: too many are under way, or the thread died of this or another one. Never throws. */
  estimate(sample: Sample): Promise<Estimate | undefined> {
    if (this.#waiting.size >= MOST) return Promise.resolve(undefined)
    const id = this.#id++
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve)
      const question: Question = { id, sample }
      this.#start().postMessage(question)
    })
  }

  /** Waits for the estimates under way, for at most `patience` milliseconds, and ends the thread. */
  async close(patience: number): Promise<void> {
    const deadline = performance.now() + patience
    while (this.#waiting.size > 0 && performance.now() < deadline)
      await new Promise((wake) => setTimeout(wake, 10))
    await this.#worker?.terminate()
    this.#worker = undefined
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker
    const worker = new Worker(workerFile())
    worker.on('message', ({ id, estimate }: { id: number; estimate: Estimate }) => {
      this.#waiting.get(id)?.(estimate)
      this.#waiting.delete(id)
    })
    const gone = () => {
      if (this.#worker === worker) this.#worker = undefined
      for (const resolve of this.#waiting.values()) resolve(undefined)
      this.#waiting.clear()
    }
    worker.on('error', gone)
    worker.on('exit', gone)
    worker.unref()
    this.#worker = worker
    return worker
  }
}

/** The build is CommonJS and knows where it lies; Deno runs the source, whose main file is server.ts. */
function workerFile(): string {
  return typeof __dirname === 'string'
    ? join(__dirname, 'worker.js')
    : join(dirname(process.argv[1] ?? ''), 'estimate', 'worker.ts')
}
