import { type Log, lineLog } from '../plugins/virtual-key/telemetry/log.ts'
import { safeText } from '../plugins/virtual-key/telemetry/safe-text.ts'

/** What a run of `vk` is given instead of the process: a process hands over its own, a spec whatever it likes. */
export interface Io {
  readonly stdin: AsyncIterable<Uint8Array>
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborts when the run is to end. Only a command that never ends by itself asks for it; any other is ended by the signal itself. */
  readonly stopSignal: () => AbortSignal
}

export interface Output {
  write(text: string): unknown
  /** Width of a terminal, in characters; undefined where it is none. */
  readonly columns?: number | undefined
}

/** What a command works with. */
export interface CommandContext extends Pick<Io, 'stdin' | 'env' | 'stopSignal'> {
  /** Results: a text and a line break to stdout. */
  readonly print: (text: string) => void
  /** Everything else: lines to stderr. */
  readonly log: Log
  /** A text to stderr that is a line of its own, without the name of a level before it. */
  readonly note: (text: string) => void
  /** Something to close when the run has ended, however it ended. */
  readonly atEnd: (close: () => unknown) => void
}

/** The context of one run. @param closers gets what is to be closed at its end */
export function contextOf(io: Io, closers: Array<() => unknown>): CommandContext {
  const { stdin, env, stopSignal, stdout, stderr } = io
  return {
    stdin,
    env,
    stopSignal,
    // Whatever a command prints may hold texts of others, JSON and YAML too, in which the escapes mean the same.
    print: (text) => void stdout.write(`${safeText(text)}\n`),
    log: lineLog((line) => stderr.write(line)),
    note: (text) => void stderr.write(`${safeText(text)}\n`),
    atEnd: (close) => void closers.push(close),
  }
}
