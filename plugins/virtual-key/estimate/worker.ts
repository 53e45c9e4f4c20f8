import { parentPort } from 'node:worker_threads'
import { estimate, type Sample } from './estimate.ts'

/** A thread of its own: loading the tokenizer takes half a second, and counting a long prompt nearly as long. */
parentPort?.on('message', ({ id, sample }: Question) => {
  parentPort?.postMessage({ id, estimate: estimate(sample) })
})

export interface Question {
  readonly id: number
  readonly sample: Sample
}
