/** One key of a file, as text: column or member to value. '' = the file says that it has none. */
export interface Row {
  /** Where it starts, counted from 1. */
  readonly line: number
  readonly values: ReadonlyMap<string, string>
}

/** What a file holds where a key was expected. The problem may name values, but no secret. */
export interface BadRow {
  readonly line: number
  /** Absent: the row as a whole. */
  readonly field?: string
  readonly problem: string
}

/** Turns the text of a file, in pieces cut anywhere, into rows. */
export interface RowReader {
  /** @throws UnreadableFile */
  push(text: string): Array<Row | BadRow>
  /** What is left when the file has ended. @throws UnreadableFile */
  end(): Array<Row | BadRow>
}

/** From here on nothing of the file can be read. */
export class UnreadableFile extends Error {
  override readonly name = 'UnreadableFile'
  readonly line: number

  constructor(line: number, problem: string, options?: ErrorOptions) {
    super(problem, options)
    this.line = line
  }
}

/** Most of one row: a quote that is never closed must not take the whole file into memory. Unit: characters. */
export const MOST_ROW = 1 << 20

export function tooLong(line: number): UnreadableFile {
  return new UnreadableFile(line, `a row of more than ${MOST_ROW} characters; is a quote not closed?`)
}
