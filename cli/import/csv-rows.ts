import { CsvReader, type CsvRecord } from './csv.ts'
import { type BadRow, type Row, type RowReader, UnreadableFile } from './row.ts'

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
