import { expect } from 'chai'
import { type BadRow, type Row, UnreadableFile } from '../../../cli/import/row.ts'
import { type FileFormat, rowsOf } from '../../../cli/import/rows.ts'

const CSV = '\ufeffID, Source \nä,"𝔸\nb"\n\nc,\nd\n'
const JSONL =
  '\ufeff{"id":"ä","Source":"𝔸\\nb"}\r\n\n{"id":7,"source":null,"list":[1,2],"flag":true,"x":{"y":1}}\nnot json sk-1\n[1]\n'

type Read = Array<[number, Record<string, string> | string]>

const CSV_ROWS: Read = [
  [2, { id: 'ä', source: '𝔸\nb' }],
  [5, { id: 'c', source: '' }],
  [6, '1 values where the header names 2 columns'],
]
const JSON_ROWS: Read = [
  [1, { id: 'ä', source: '𝔸\nb' }],
  [3, { id: '7', source: '', list: '1,2', flag: 'true', x: '{"y":1}' }],
  [4, 'no JSON object'],
  [5, 'no JSON object'],
]

async function read(pieces: ReadonlyArray<Uint8Array>, format?: FileFormat): Promise<Read> {
  const rows: Read = []
  for await (const row of rowsOf(stream(pieces), format)) rows.push([row.line, shown(row)])
  return rows
}

async function* stream(pieces: ReadonlyArray<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* pieces
}

function shown(row: Row | BadRow): Record<string, string> | string {
  return 'problem' in row ? row.problem : Object.fromEntries(row.values)
}

async function failure(bytes: Uint8Array, format?: FileFormat): Promise<UnreadableFile> {
  try {
    await read([bytes], format)
  } catch (error) {
    if (error instanceof UnreadableFile) return error
    throw error
  }
  throw new Error('it was read')
}

describe('rows of a file', () => {
  for (const [name, text, rows] of [
    ['CSV', CSV, CSV_ROWS],
    ['JSON lines', JSONL, JSON_ROWS],
  ] as const) {
    it(`reads ${name}: whole, by byte and cut at every byte, and tells it by its first character`, async () => {
      const bytes = Buffer.from(text)
      expect(await read([bytes])).to.deep.equal(rows)
      expect(await read(Array.from(bytes, (byte) => Uint8Array.of(byte)))).to.deep.equal(rows)
      for (let i = 0; i <= bytes.length; i++) {
        expect(await read([bytes.subarray(0, i), bytes.subarray(i)])).to.deep.equal(rows)
      }
    })
  }

  it('reads nothing from nothing', async () => {
    expect(await read([], 'jsonl')).to.deep.equal([])
    expect(await read([Buffer.from('\n \n')], 'jsonl')).to.deep.equal([])
    expect(await read([Buffer.from('id\n')])).to.deep.equal([])
  })

  it('obeys the format that is named', async () => {
    expect(await read([Buffer.from('{,id\n1,2\n')], 'csv')).to.deep.equal([[2, { '{': '1', id: '2' }]])
    expect(await read([Buffer.from('id\n')], 'jsonl')).to.deep.equal([[1, 'no JSON object']])
  })

  it('counts the lines before the first that says something', async () => {
    for (const text of ['\n\n id\na\n', '\n\n\n{"id":"a"}']) {
      const bytes = Buffer.from(text)
      for (let i = 0; i <= bytes.length; i++) {
        const [row] = await read([bytes.subarray(0, i), bytes.subarray(i)])
        expect(row).to.deep.equal([4, { id: 'a' }])
      }
    }
  })

  it('refuses what it cannot read, with the line', async () => {
    for (const [bytes, line, problem] of [
      [Buffer.from(''), 1, 'not even a header'],
      [Buffer.from('\n\n'), 1, 'not even a header'],
      [Buffer.from('name,key\n'), 1, 'the header names no column id'],
      [Buffer.from('\nid,key,KEY\n'), 2, 'the header names "key" twice'],
      [Buffer.from('id,"key\n'), 1, 'a quote is not closed'],
      [Buffer.from(' [\n{"id":"a"}]'), 1, 'a JSON array'],
      [Buffer.from([...Buffer.from('id\na\n'), 0xff, 0xfe]), 1, 'not UTF-8'],
      [Buffer.from([...Buffer.from('id\na\n'), 0xc3]), 2, 'not UTF-8'],
      [Buffer.from(`{"id":"a"}\n{"id":"${'x'.repeat(1 << 20)}`), 2, 'a row of more than'],
    ] as const) {
      const error = await failure(bytes)
      expect([error.line, error.message]).to.deep.equal([line, error.message])
      expect(error.message).to.include(problem)
    }
  })
})
