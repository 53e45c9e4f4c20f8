import { CriticalLines } from './critical-lines.ts'
import { type Log, lineLog } from './log.ts'
import { Metrics } from './metrics.ts'

/** What a process says of itself: lines for the operator, those that a phase has to say, and counters. */
export interface Telemetry {
  readonly log: Log
  readonly criticalLines: CriticalLines
  readonly metrics: Metrics
}

export function newTelemetry(
  write: (line: string) => void = (line) => process.stdout.write(line),
): Telemetry {
  const criticalLines = new CriticalLines()
  return {
    log: lineLog(write, (message) => criticalLines.add(message)),
    criticalLines,
    metrics: new Metrics(),
  }
}
