/** Kong's log levels; a line is written by the caller, who knows where it belongs (terminal, spec, nowhere). */
export type Level = 'debug' | 'info' | 'notice' | 'warn' | 'err' | 'crit'

export type Log = (level: Level, message: string) => void
