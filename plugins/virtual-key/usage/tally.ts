import type { Answer } from './api-format.ts'
import { type Counts, type Mutable, replace } from './counts.ts'
import type { FormatTable } from './formats.ts'
import { FactSheet, type Facts } from './json/facts.ts'

/** Combines the reports of the documents of one response. Reports are cumulative: they are never added up, and the last one wins. */
export class Tally {
  readonly #table: FormatTable
  /** By the format's place in the table. */
  readonly #reports: Mutable[] = []
  #answer: Answer | undefined
  /** The facts that were added last and have not been read yet. */
  readonly #last: FactSheet

  constructor(table: FormatTable) {
    this.#table = table
    this.#last = new FactSheet(table.paths.slots)
  }

  /** If consecutive documents report the same counts, only the last one has to be read. */
  add(facts: FactSheet): void {
    if (!facts.isLike(this.#last)) this.#settle()
    this.#last.become(facts)
  }

  /** What the response has reported so far. */
  get counts(): Counts | undefined {
    this.#settle()
    return this.#reports.find((report) => report !== undefined)
  }

  /** Whether `counts` are only a part of what such a response reports. */
  get partial(): boolean {
    this.#settle()
    const index = this.#reports.findIndex((report) => report !== undefined)
    return this.#table.formats[index]?.statesTotal === true && this.#reports[index]?.total === undefined
  }

  /** The answer to which they belong, if it can be fetched again. */
  get answer(): Answer | undefined {
    this.#settle()
    return this.#answer
  }

  #settle(): void {
    const facts = this.#last
    const { formats, lookers } = this.#table
    this.#answer = this.#keptAnswer(facts) ?? this.#answer
    const looking = facts.bitsOf(lookers)
    if (looking === 0 || formats.some(({ stored }) => stored?.holds(facts))) return
    for (const [index, { usage }] of formats.entries())
      if ((looking & (1 << index)) !== 0 && this.#report(index, usage.read(facts))) return
  }

  #keptAnswer(facts: Facts): Answer | undefined {
    for (const { kept } of this.#table.formats) {
      const answer =
        kept?.read((name) => facts.get(name)) ?? kept?.read((name) => facts.get(`${kept.event}.${name}`))
      if (answer) return answer
    }
    return undefined
  }

  #report(index: number, counts: Counts | undefined): boolean {
    if (!counts) return false
    const earlier = this.#reports[index]
    if (earlier) replace(earlier, counts)
    else this.#reports[index] = { ...counts }
    return true
  }
}
