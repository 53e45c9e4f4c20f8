import { parentPort } from 'node:worker_threads'
import type { Sample } from './bounded-sample.ts'
import { type Estimate, estimateOf } from './estimate.ts'
import { readSample } from './read-sample.ts'
import { tokensOf } from './tokens.ts'

/** Runs in a thread of its own: loading the tokenizer takes half a second, and counting a long prompt some ten milliseconds. */
parentPort?.on('message', (sample: Sample) => {
  const estimate: Estimate = estimateOf(readSample(sample), tokensOf)
  parentPort?.postMessage(estimate)
})
