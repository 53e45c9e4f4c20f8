import type { Counts, Mutable } from './counts.ts'
import { replace } from './counts.ts'
import { isStored } from './formats/stored.ts'
import { FORMATS } from './formats.ts'
import type { Facts } from './json/paths.ts'

/** Path → the formats that look at it, as bits in the order of FORMATS: most documents concern one of them. */
const LOOKERS = new Map<string, number>()
for (const [index, { paths }] of FORMATS.entries()) {
  for (const path of paths) LOOKERS.set(path, (LOOKERS.get(path) ?? 0) | (1 << index))
}

/** What the documents of one response report together. Reports are cumulative: never added, the last one wins. */
export class Tally {
  /** By the format's place in FORMATS. */
  private readonly reports: Mutable[] = []

  add(facts: Facts): void {
    let lookers = 0
    for (const path of facts.keys()) lookers |= LOOKERS.get(path) ?? 0
    if (lookers === 0 || isStored(facts)) return
    for (let index = 0; index < FORMATS.length; index++) {
      if ((lookers & (1 << index)) !== 0 && this.report(index, FORMATS[index]?.read(facts))) return
    }
  }

  private report(index: number, counts: Counts | undefined): boolean {
    if (!counts) return false
    const earlier = this.reports[index]
    if (earlier) replace(earlier, counts)
    else this.reports[index] = { ...counts }
    return true
  }

  get counts(): Counts | undefined {
    return this.reports.find((report) => report !== undefined)
  }
}
