import { until } from './until.ts'

/** Process ids of the plugin servers that logged that they serve, in their order. */
export function pluginServerPids(log: string): number[] {
  return [...log.matchAll(/virtual-key info: serving, process (\d+)/g)].map(([, pid]) => Number(pid))
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** A plugin server outlives its Kong for a moment; one that a spec does not need any more is told to hurry. */
export async function endAll(pids: readonly number[]): Promise<void> {
  for (const pid of pids.filter(isAlive)) process.kill(pid, 'SIGTERM')
  await until('the end of the plugin servers', () => !pids.some(isAlive))
}
