import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { boundedSample, type Sample, sizeOf } from './bounded-sample.ts'
import { type Estimate, guess } from './estimate.ts'

/** The worker is beside this file: compiled in the build, a source file under Deno. */
const WORKER = new URL(`./worker${extname(import.meta.url)}`, import.meta.url)

/** Most estimates that wait, and the bytes of all of them. More would mean that the thread cannot keep up. */
const MOST = 256
const MOST_BYTES = 16 * 1024 * 1024

/** No estimate takes this long, not even the first one, which loads the tokenizer. Unit: milliseconds. */
const TIMEOUT = 10_000

/** The tokenizer's tables take about a third of it. Unit: MiB. */
const MEMORY = 256

interface Job {
  readonly sample: Sample
  readonly resolve: (estimate: Estimate) => void
}

/**
 * Estimates in a thread of its own, which the first estimate starts: without estimates it costs nothing, and no request waits for it. Only
 * one estimate runs at a time, so when the thread dies or hangs only that one fails; it is then guessed, and the next one gets a new
 * thread.
 */
export class Estimator {
  #worker: Worker | undefined
  #job: Job | undefined
  #timer: NodeJS.Timeout | undefined
  #bytes = 0
  readonly #waiting: Job[] = []
  readonly #most: number
  readonly #mostBytes: number

  constructor({ most = MOST, mostBytes = MOST_BYTES } = {}) {
    this.#most = most
    this.#mostBytes = mostBytes
  }

  /** Never rejects: if too many estimates wait, or the thread fails on this one, the usage is guessed without a tokenizer. */
  estimate(whole: Sample): Promise<Estimate> {
    const sample = boundedSample(whole)
    if (this.#waiting.length >= this.#most || this.#bytes + sizeOf(sample) > this.#mostBytes)
      return Promise.resolve(guess(sample))
    return new Promise((resolve) => {
      this.#waiting.push({ sample, resolve })
      this.#bytes += sizeOf(sample)
      this.#next()
    })
  }

  /** Waits for the estimates under way, for at most `timeout` milliseconds; guesses the rest, and ends the thread. */
  async close(timeout: number): Promise<void> {
    const deadline = performance.now() + timeout
    while (this.#job !== undefined && performance.now() < deadline)
      await new Promise((wake) => setTimeout(wake, 10))
    const left = this.#waiting.splice(0)
    this.#bytes = 0
    for (const { sample, resolve } of left) resolve(guess(sample))
    this.#fail()
  }

  #next(): void {
    if (this.#job !== undefined) return
    const job = this.#waiting.shift()
    if (job === undefined) {
      this.#worker?.unref()
      return
    }
    this.#bytes -= sizeOf(job.sample)
    this.#job = job
    this.#timer = setTimeout(() => this.#fail(), TIMEOUT)
    try {
      const worker = this.#start()
      // The process must not end by itself while an estimate is under way.
      worker.ref()
      worker.postMessage(job.sample)
    } catch {
      // The system refused to start a thread: a limit on processes counts threads too.
      this.#fail()
    }
  }

  #done(estimate: Estimate): void {
    clearTimeout(this.#timer)
    const job = this.#job
    this.#job = undefined
    job?.resolve(estimate)
    this.#next()
  }

  /** Gives up the thread, which has failed, and the estimate under way. */
  #fail(): void {
    const worker = this.#worker
    this.#worker = undefined
    void worker?.terminate()
    if (this.#job !== undefined) this.#done(guess(this.#job.sample))
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker
    const worker = new Worker(WORKER, { resourceLimits: { maxOldGenerationSizeMb: MEMORY } })
    worker.on('message', (estimate: Estimate) => {
      if (this.#worker === worker) this.#done(estimate)
    })
    const gone = () => {
      if (this.#worker === worker) this.#fail()
    }
    worker.on('error', gone)
    worker.on('exit', gone)
    this.#worker = worker
    return worker
  }
}
