import { type BadRow, MOST_ROW, type Row, type RowReader, tooLong, UnreadableFile } from './row.ts'

/** CSV whose first record names the columns. */
export class CsvRows implements RowReader {
  readonly #csv = new CsvReader()
  #columns: readonly string[] | undefined

  push(text: string): Array<Row | BadRow> {
    return this.#rows(this.#csv.push(text))
  }

  end(): Array<Row | BadRow> {
    return this.#rows(this.#csv.end())
  }

  #rows(records: readonly CsvRecord[]): Array<Row | BadRow> {
    const rows: Array<Row | BadRow> = []
    for (const record of records) {
      if (this.#columns) rows.push(rowOf(record, this.#columns))
      else this.#columns = columnsOf(record)
    }
    return rows
  }
}

function columnsOf({ line, cells, problem }: CsvRecord): readonly string[] {
  const columns = cells.map((cell) => cell.trim().toLowerCase())
  const twice = columns.find((name, i) => columns.indexOf(name) !== i)
  if (problem !== undefined) throw new UnreadableFile(line, problem)
  if (twice !== undefined) throw new UnreadableFile(line, `the header names ${JSON.stringify(twice)} twice`)
  if (!columns.includes('id')) throw new UnreadableFile(line, 'the header names no column id')
  return columns
}

function rowOf({ line, cells, problem }: CsvRecord, columns: readonly string[]): Row | BadRow {
  if (problem !== undefined) return { line, problem }
  if (cells.length !== columns.length) {
    return { line, problem: `${cells.length} values where the header names ${columns.length} columns` }
  }
  return { line, values: new Map(columns.map((name, i) => [name, cells[i] ?? ''])) }
}

export interface CsvRecord {
  /** Where it starts, counted from 1. */
  readonly line: number
  readonly cells: readonly string[]
  /** What is wrong with its quotes. */
  readonly problem?: string
}

/** `closing`: after a quote inside a quoted cell, which ends it or is the first of two. */
type State = 'start' | 'plain' | 'quoted' | 'closing'

/**
 * RFC 4180, with line ends of any kind. The text comes in pieces that may be cut anywhere. Empty lines are no records.
 *
 * csv-parse 7.0 was tried instead. After `"a"b` it reads on inside the quotes and takes the good rows that follow for part of the bad
 * one, so that --keep-going would leave out keys without a word; it settles on the line end that it finds first; and it tells the line
 * where a record ends, not the one where it starts. It takes 1.7 MB for these hundred lines.
 */
export class CsvReader {
  #state: State = 'start'
  #cells: string[] = []
  #cell = ''
  #size = 0
  #problem: string | undefined
  #line = 1
  #start = 1
  /** The line ended with CR: a LF that follows belongs to it. */
  #afterCr = false

  /** @throws UnreadableFile for a record that does not end */
  push(text: string): CsvRecord[] {
    const done: CsvRecord[] = []
    for (let i = 0; i < text.length; )
      i = this.#state === 'quoted' ? this.#quoted(text, i) : this.#step(text, i, done)
    return done
  }

  end(): CsvRecord[] {
    const done: CsvRecord[] = []
    if (this.#state === 'quoted') this.#problem ??= 'a quote is not closed'
    this.#endRecord(done)
    return done
  }

  /** Up to the next quote. */
  #quoted(text: string, from: number): number {
    const quote = text.indexOf('"', from)
    const run = text.slice(from, quote === -1 ? undefined : quote)
    this.#take(run)
    this.#line += run.split('\n').length - 1
    if (quote === -1) return text.length
    this.#state = 'closing'
    return quote + 1
  }

  /** Reads one character that has a meaning in CSV, or all characters up to the next such one. */
  #step(text: string, from: number, done: CsvRecord[]): number {
    const c = text[from]
    const ofCr = this.#afterCr && c === '\n'
    this.#afterCr = c === '\r'
    if (ofCr) return from + 1
    if (c === ',') this.#endCell()
    else if (c === '\n' || c === '\r') {
      this.#endRecord(done)
      this.#start = ++this.#line
    } else if (c === '"') this.#quote()
    else return this.#plain(text, from)
    return from + 1
  }

  #quote(): void {
    if (this.#state === 'plain') {
      this.#problem ??= 'a quote inside a value that does not start with one'
      return
    }
    if (this.#state === 'closing') this.#take('"')
    this.#state = 'quoted'
  }

  #plain(text: string, from: number): number {
    if (this.#state === 'closing') this.#problem ??= 'text after a closing quote'
    this.#state = 'plain'
    const length = text.slice(from).search(/[",\r\n]/)
    const end = length === -1 ? text.length : from + length
    this.#take(text.slice(from, end))
    return end
  }

  #take(piece: string): void {
    this.#grow(piece.length)
    this.#cell += piece
  }

  #grow(by: number): void {
    this.#size += by
    if (this.#size > MOST_ROW) throw tooLong(this.#start)
  }

  #endCell(): void {
    this.#grow(1)
    this.#cells.push(this.#cell)
    this.#cell = ''
    this.#state = 'start'
  }

  #endRecord(done: CsvRecord[]): void {
    if (this.#cells.length > 0 || this.#state !== 'start') {
      this.#endCell()
      const record = { line: this.#start, cells: this.#cells }
      done.push(this.#problem === undefined ? record : { ...record, problem: this.#problem })
    }
    this.#cells = []
    this.#size = 0
    this.#problem = undefined
  }
}
