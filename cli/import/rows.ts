import { TextDecoder } from 'node:util'
import { CsvRows } from './csv.ts'
import { type BadRow, MOST_ROW, type Row, type RowReader, tooLong, UnreadableFile } from './row.ts'

export const FILE_FORMATS = ['csv', 'jsonl'] as const
export type FileFormat = (typeof FILE_FORMATS)[number]

/** The rows of a file as it comes in. @param format absent: told from its first character @throws UnreadableFile */
export async function* rowsOf(
  chunks: AsyncIterable<Uint8Array>,
  format?: FileFormat,
): AsyncGenerator<Row | BadRow> {
  // Takes a byte order mark away.
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let reader: RowReader | undefined
  let text = ''
  let line = 1
  for await (const chunk of chunks) {
    text += decoded(decoder, line, chunk)
    reader ??= readerFor(text, format)
    if (reader === undefined) continue
    const rows = reader.push(text)
    text = ''
    line = rows.at(-1)?.line ?? line
    yield* rows
  }
  decoded(decoder, line)
  if (reader) yield* reader.end()
  // An empty file is an error, because the export before it may have failed.
  else if (format !== 'jsonl') throw new UnreadableFile(1, 'there is nothing in it, not even a header')
}

/** undefined: there was nothing yet that tells. */
function readerFor(text: string, format: FileFormat | undefined): RowReader | undefined {
  const first = text.trimStart()[0]
  if (first === undefined) return undefined
  if (first === '[') {
    throw new UnreadableFile(1, 'a JSON array: write one object a line instead, as jq -c ".[]" does')
  }
  return (format ?? (first === '{' ? 'jsonl' : 'csv')) === 'jsonl' ? new JsonRows() : new CsvRows()
}

function decoded(decoder: TextDecoder, line: number, chunk?: Uint8Array): string {
  try {
    return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode()
  } catch (cause) {
    throw new UnreadableFile(line, 'not UTF-8, somewhere after this line', { cause })
  }
}

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
