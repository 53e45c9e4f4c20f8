import { expect } from 'chai'
import { CsvReader, type CsvRecord } from '../../../cli/import/csv.ts'
import { MOST_ROW, UnreadableFile } from '../../../cli/import/row.ts'

/** Cases of RFC 4180, section 2, and what files have beside it: line and cells of each record, or its problem. */
const CASES: ReadonlyArray<
  readonly [string, string, ReadonlyArray<readonly [number, readonly string[] | string]>]
> = [
  ['nothing', '', []],
  ['one cell', 'a', [[1, ['a']]]],
  [
    'a line end at the end, or not',
    'a,b\nc,d\n',
    [
      [1, ['a', 'b']],
      [2, ['c', 'd']],
    ],
  ],
  [
    'CRLF',
    'a,b\r\nc,d',
    [
      [1, ['a', 'b']],
      [2, ['c', 'd']],
    ],
  ],
  [
    'CR alone',
    'a\rb\r',
    [
      [1, ['a']],
      [2, ['b']],
    ],
  ],
  ['empty cells', ',a,,\n', [[1, ['', 'a', '', '']]]],
  [
    'empty lines',
    '\n\r\na\n\n\nb\n',
    [
      [3, ['a']],
      [6, ['b']],
    ],
  ],
  [
    'an empty cell in quotes is a record',
    '""\n""\r\n',
    [
      [1, ['']],
      [2, ['']],
    ],
  ],
  ['quotes', '"a","b c",d\n', [[1, ['a', 'b c', 'd']]]],
  ['doubled quotes', '"a ""b"" c",""""\n', [[1, ['a "b" c', '"']]]],
  ['commas in quotes', '"a,b",c\n', [[1, ['a,b', 'c']]]],
  [
    'line breaks in quotes, kept as they are',
    '"a\nb\r\nc\rd",e\nf\n',
    [
      [1, ['a\nb\r\nc\rd', 'e']],
      [4, ['f']],
    ],
  ],
  ['spaces belong to the cell', ' a , b \n', [[1, [' a ', ' b ']]]],
  [
    'characters of two units',
    '𝔸,é\n"𝔹"',
    [
      [1, ['𝔸', 'é']],
      [2, ['𝔹']],
    ],
  ],
  [
    'text after a closing quote, and the next record is well',
    '"a"b,c\nd,e\n',
    [
      [1, 'text after a closing quote'],
      [2, ['d', 'e']],
    ],
  ],
  [
    'a quote inside',
    'a"b,c\nd,e\n',
    [
      [1, 'a quote inside a value that does not start with one'],
      [2, ['d', 'e']],
    ],
  ],
  [
    'a quote that is not closed',
    'a,b\nc,"d\ne\n',
    [
      [1, ['a', 'b']],
      [2, 'a quote is not closed'],
    ],
  ],
]

function read(...pieces: readonly string[]): Array<[number, readonly string[] | string]> {
  const reader = new CsvReader()
  const records: CsvRecord[] = [...pieces.flatMap((piece) => reader.push(piece)), ...reader.end()]
  return records.map(({ line, cells, problem }) => [line, problem ?? cells])
}

describe('CSV', () => {
  for (const [name, text, records] of CASES) {
    it(`reads ${name}: whole, by character and cut at every point`, () => {
      expect(read(text)).to.deep.equal(records)
      expect(read(...text.split(''))).to.deep.equal(records)
      for (let i = 0; i <= text.length; i++) {
        expect(read(text.slice(0, i), text.slice(i))).to.deep.equal(records)
      }
    })
  }

  it('does not take a file into memory for a quote that is never closed, nor for a line that never ends', () => {
    for (const piece of ['x\n'.repeat(5000), ','.repeat(10_000)]) {
      const reader = new CsvReader()
      reader.push('a\n"')
      const endless = () => {
        for (let length = 0; length <= MOST_ROW; length += piece.length) reader.push(piece)
      }
      expect(endless).to.throw(UnreadableFile, 'is a quote not closed?').with.property('line', 2)
    }
    const reader = new CsvReader()
    expect(() => reader.push(','.repeat(MOST_ROW + 1))).to.throw(UnreadableFile)
  })
})
