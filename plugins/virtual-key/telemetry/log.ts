import { safeLine, safeText } from './safe-text.ts'

/**
 * Lines for the operator. Kong takes a plugin server's output into its error log at level info, so whoever must see more than
 * that says it with `kong.log` inside a phase.
 */
export interface Log {
  info(message: string): void
  warn(message: string): void
  error(message: string): void
  /** Something was lost or given up. Besides the output, it goes into Kong's log at a level that is shown by default. */
  critical(message: string): void
}

/**
 * Writes plain lines: kong-pdk's own logger writes cursor codes that turn one line into six in Kong's log.
 * Messages may hold texts of others, such as key ids, and become safe here.
 * @param raise gets the message of a critical line; absent: there is no phase to say it
 */
export function lineLog(
  write: (line: string) => void,
  raise: (message: string) => void = () => undefined,
): Log {
  const at = (level: string) => (message: string) => write(`virtual-key ${level}: ${safeText(message)}\n`)
  const critical = at('critical')
  return {
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    critical: (message) => {
      critical(message)
      raise(message)
    },
  }
}

/** A message as `kong.log` gets it inside a phase, whatever texts of others it holds: one line that cannot be taken for another plugin's. */
export function phaseLine(message: string): string {
  return `virtual-key: ${safeLine(message)}`
}
