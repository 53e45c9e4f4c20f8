import { type BadRow, MOST_ROW, type Row, type RowReader, tooLong } from './row.ts'

/** One JSON object a line. Empty lines are no rows. */
export class JsonRows implements RowReader {
  #rest = ''
  #line = 1

  push(text: string): Array<Row | BadRow> {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    const rows = lines.flatMap((line) => rowOf(line, this.#line++))
    if (this.#rest.length > MOST_ROW) throw tooLong(this.#line)
    return rows
  }

  end(): Array<Row | BadRow> {
    const last = this.#rest
    this.#rest = ''
    return rowOf(last, this.#line)
  }
}

function rowOf(text: string, line: number): Array<Row | BadRow> {
  if (text.trim() === '') return []
  const value = parsed(text)
  // What stands there instead is not shown: it may be somebody's secret.
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [{ line, problem: 'no JSON object' }]
  }
  const members = Object.entries(value)
  return [
    { line, values: new Map(members.map(([name, member]) => [name.trim().toLowerCase(), textOf(member)])) },
  ]
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function textOf(member: unknown): string {
  if (member === null) return ''
  if (Array.isArray(member)) return member.map(textOf).join(',')
  return typeof member === 'object' ? JSON.stringify(member) : String(member)
}
