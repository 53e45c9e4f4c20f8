import { COLUMNS, type Entry, entryFrom, type Outcome } from './entry.ts'
import { type BadRow, type Row, UnreadableFile } from './row.ts'
import { SeenIds } from './seen-ids.ts'

/** Rows by what became of them; `duplicates` are among the others. */
export type Tally = Record<Outcome | 'bad' | 'duplicates', number>

export interface Import {
  readonly rows: AsyncIterable<Row | BadRow>
  /** Go on after a bad row. */
  readonly keepGoing: boolean
  /** Makes a key be as the file has it. Called for this many at once, never for the same key. */
  readonly write: (entry: Entry) => Promise<Outcome | BadRow>
  readonly batch: number
  /** Absent line: the file as a whole. */
  readonly warn: (warning: Omit<BadRow, 'line'> & { readonly line?: number }) => void
  /** Called after each batch. */
  readonly progress: (tally: Readonly<Tally>) => void
}

/** Takes the rows of a file over, a batch at a time. */
export class Importer {
  readonly tally: Tally = { created: 0, updated: 0, unchanged: 0, bad: 0, duplicates: 0 }
  readonly #import: Import
  readonly #seen = new SeenIds()
  readonly #ignored = new Set<string>()
  readonly #waiting = new Map<string, Entry>()

  constructor(settings: Import) {
    this.#import = settings
  }

  /** To the end of the file, or to the first bad row. @throws what `write` throws */
  async run(): Promise<void> {
    try {
      for await (const row of this.#import.rows) {
        await this.#take(row)
        if (this.#over()) break
      }
    } catch (error) {
      if (!(error instanceof UnreadableFile)) throw error
      this.#bad([{ line: error.line, problem: error.message }])
    }
    await this.#flush()
  }

  /** A key that was asked for, or the problems of its row. */
  async #take(row: Row | BadRow): Promise<void> {
    if ('problem' in row) return this.#bad([row])
    this.#nameIgnored(row)
    const entry = entryFrom(row)
    if (Array.isArray(entry)) return this.#bad(entry)
    const before = this.#seen.add(entry.id, entry.line)
    if (before !== undefined) {
      this.tally.duplicates++
      const problem = `the same as in line ${before}; this line wins`
      this.#import.warn({ line: entry.line, field: 'id', problem })
    }
    if (this.#waiting.has(entry.id)) await this.#flush()
    this.#waiting.set(entry.id, entry)
    if (this.#waiting.size >= this.#import.batch) await this.#flush()
  }

  async #flush(): Promise<void> {
    const entries = [...this.#waiting.values()]
    this.#waiting.clear()
    const outcomes = await Promise.all(entries.map((entry) => this.#import.write(entry)))
    for (const outcome of outcomes) {
      if (typeof outcome === 'string') this.tally[outcome]++
      else this.#bad([outcome])
    }
    this.#import.progress(this.tally)
  }

  #bad(problems: readonly BadRow[]): void {
    for (const problem of problems) this.#import.warn(problem)
    this.tally.bad++
  }

  #over(): boolean {
    return this.tally.bad > 0 && !this.#import.keepGoing
  }

  #nameIgnored({ values }: Row): void {
    for (const name of values.keys()) {
      if (COLUMNS.includes(name) || this.#ignored.has(name)) continue
      this.#ignored.add(name)
      this.#import.warn({ field: name, problem: 'not known, ignored' })
    }
  }
}
