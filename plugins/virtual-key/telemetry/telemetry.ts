import { CriticalLines } from './critical-lines.ts'
import { lineLog } from './log.ts'
import { Metrics } from './metrics.ts'

/** What the process says of itself: lines for the operator, and counters. */
export const criticalLines = new CriticalLines()
export const log = lineLog(
  (line) => process.stdout.write(line),
  (message) => criticalLines.add(message),
)
export const metrics = new Metrics()
