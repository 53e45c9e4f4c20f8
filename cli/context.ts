import { type Log, lineLog } from '../plugins/virtual-key/telemetry/log.ts'
import { safeText } from '../plugins/virtual-key/telemetry/safe-text.ts'

/** What one run of `vk` uses instead of the process itself: main.ts passes that of the process, a spec passes its own. */
export interface Io {
  readonly stdin: AsyncIterable<Uint8Array>
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborts when the run has to end. Only a command that never ends by itself calls this; the signal itself ends every other command. */
  readonly stopSignal: () => AbortSignal
}

export interface Output {
  write(text: string): unknown
  /** Width of a terminal, in characters; undefined where it is none. */
  readonly columns?: number | undefined
}

/** What a command works with. */
export interface CommandContext extends Pick<Io, 'stdin' | 'env' | 'stopSignal'> {
  /** Writes a result and a line break to stdout. */
  readonly print: (text: string) => void
  /** Writes everything that is not a result to stderr. */
  readonly log: Log
  /** Writes a line to stderr without the name of a log level before it. */
  readonly note: (text: string) => void
  /** Registers what must be closed when the run has ended, successfully or not. */
  readonly atEnd: (close: () => unknown) => void
}

/** The context of one run. @param closers gets what is to be closed at its end */
export function contextOf(io: Io, closers: Array<() => unknown>): CommandContext {
  const { env, stopSignal, stdout, stderr } = io
  return {
    // Later, because the process opens its stdin at the first access.
    get stdin() {
      return io.stdin
    },
    env,
    stopSignal,
    // Whatever a command prints may hold texts of others, JSON and YAML too, in which the escapes mean the same.
    print: (text) => void stdout.write(`${safeText(text)}\n`),
    log: lineLog((line) => stderr.write(line)),
    note: (text) => void stderr.write(`${safeText(text)}\n`),
    atEnd: (close) => void closers.push(close),
  }
}
