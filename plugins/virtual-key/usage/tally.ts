import type { Counts, Mutable } from './counts.ts'
import { replace } from './counts.ts'
import type { Format } from './format.ts'
import { isStored } from './formats/stored.ts'
import { FORMATS } from './formats.ts'
import type { Facts } from './json/paths.ts'

/** What the documents of one response report together. Reports are cumulative: never added, the last one wins. */
export class Tally {
  private readonly reports = new Map<Format, Mutable>()

  add(facts: Facts): void {
    if (isEmpty(facts) || isStored(facts)) return
    for (const format of FORMATS) {
      const counts = format.read(facts)
      if (!counts) continue
      const report = this.reports.get(format)
      if (report) replace(report, counts)
      else this.reports.set(format, { ...counts })
      return
    }
  }

  get counts(): Counts | undefined {
    const format = FORMATS.find((candidate) => this.reports.has(candidate))
    return format && this.reports.get(format)
  }
}

function isEmpty(facts: Facts): boolean {
  for (const _ in facts) return false
  return true
}
