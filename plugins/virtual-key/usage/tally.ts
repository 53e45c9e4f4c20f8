import type { Counts, Mutable } from './counts.ts'
import { replace } from './counts.ts'
import { answerOf } from './formats/answer.ts'
import { isStored } from './formats/stored.ts'
import { FORMATS, PATHS } from './formats.ts'
import type { Facts } from './json/facts.ts'
import { FactSheet } from './json/facts.ts'
import type { Answer } from './usage.ts'

/** Path → the formats that look at it, as bits in the order of FORMATS: most documents concern one of them. */
const LOOKERS = new Map<string, number>()
for (const [index, { paths }] of FORMATS.entries()) {
  for (const path of paths) LOOKERS.set(path, (LOOKERS.get(path) ?? 0) | (1 << index))
}

/** What the documents of one response report together. Reports are cumulative: never added, the last one wins. */
export class Tally {
  /** By the format's place in FORMATS. */
  private readonly reports: Mutable[] = []
  /** The answer that they belong to, where it can be fetched again. Asked for after `counts`. */
  answer: Answer | undefined
  /** The facts added last, which have not been looked at. */
  private readonly last = new FactSheet(PATHS.slots)

  /** Where one document after the other reports the same counts, only the last one needs to be looked at. */
  add(facts: FactSheet): void {
    if (!facts.isLike(this.last)) this.settle()
    this.last.become(facts)
  }

  /** What the response reports so far. */
  get counts(): Counts | undefined {
    this.settle()
    return this.reports.find((report) => report !== undefined)
  }

  /** Whether `counts` are only a part of what such a response reports. */
  get partial(): boolean {
    this.settle()
    const index = this.reports.findIndex((report) => report !== undefined)
    return FORMATS[index]?.statesTotal === true && this.reports[index]?.total === undefined
  }

  private settle(): void {
    const facts: Facts = this.last
    this.answer = answerOf(facts) ?? this.answer
    let lookers = 0
    for (const path of facts.paths()) lookers |= LOOKERS.get(path) ?? 0
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
}
