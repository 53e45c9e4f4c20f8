import { readFileSync } from 'node:fs'

/**
 * Names a process on this machine beyond its end: `<process id>-<start>`. Process ids are used again, in a container after every
 * start; the start, in ticks since the machine was, tells two of them apart. 0 where the system does not tell it.
 */
export function processName(pid: number): string {
  return `${pid}-${stateOf(pid)?.start ?? '0'}`
}

/** Whether the process that has this name still lives. @param name as `processName` made it, or a process id, whoever has that now */
export function isAlive(name: string): boolean {
  const [pid = '', start = '0'] = name.split('-')
  const state = stateOf(Number(pid))
  if (state !== undefined) return !state.ended && (start === '0' || start === state.start)
  try {
    // Signal 0 only asks.
    return process.kill(Number(pid), 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** undefined: there is no such process, or this system has no /proc. */
function stateOf(pid: number): { readonly ended: boolean; readonly start: string } | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  // The program's name, in brackets, may hold blanks and brackets.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  // A process that ended stays as a zombie (Z, X) until its parent has asked how it ended.
  return { ended: /^[ZX]/.test(fields[0] ?? ''), start: fields[19] ?? '0' }
}
