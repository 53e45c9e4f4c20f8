#!/usr/bin/env node
import { program } from './program.ts'

/** The `vk` command as a process. Results go to stdout, everything else to stderr; exit codes as in failure.ts. */

// The reader has closed the pipe, as `vk keys list | head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

program(process.argv.slice(2), {
  // A getter, because stdin is opened by the first access to it.
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
