/**
 * Lines for the operator. Kong takes a plugin server's output into its error log at level info, so whoever must see more than
 * that says it with `kong.log` inside a phase.
 */
export interface Log {
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}

/** Writes plain lines: kong-pdk's own logger writes cursor codes that turn one line into six in Kong's log. */
export function lineLog(write: (line: string) => void): Log {
  const at = (level: string) => (message: string) => write(`virtual-key ${level}: ${message}\n`)
  return { info: at('info'), warn: at('warn'), error: at('error') }
}
