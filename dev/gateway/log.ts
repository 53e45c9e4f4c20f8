/** Kong's log levels. The caller decides where a line is written (to a terminal, a spec, or nowhere). */
export type Level = 'debug' | 'info' | 'notice' | 'warn' | 'err' | 'crit'

export type Log = (level: Level, message: string) => void
