#!/usr/bin/env node
import { program } from './program.ts'

/** The `vk` command as a process. Results go to stdout, everything else to stderr; exit codes as in failure.ts. */

// Whoever reads has seen enough, as with `vk keys list | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

program(process.argv.slice(2), {
  // Not opened before somebody reads it.
  get stdin() {
    return process.stdin
  },
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  stopSignal() {
    const stop = new AbortController()
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())
    return stop.signal
  },
}).then((code) => {
  process.exitCode = code
})
