import { readUsage } from '../../plugins/virtual-key/usage/read-usage.ts'
import { bodies } from './usage-bodies.ts'
import { parseJson, parseStream } from './usage-parsers.ts'

/** Time spent on each body with each reader, in milliseconds; more gives steadier figures. */
const TIME = Number(process.env.BENCH_MS ?? 400)

/** The goal for bodies over 100 KB: so many times as fast as JSON.parse. */
const GOAL = 3

interface Row {
  readonly body: string
  readonly KB: string
  readonly 'readUsage MB/s': string
  readonly 'parse MB/s': string
  readonly ratio: string
}

/** Bytes per second, in MB/s: the best of several rounds, since neighbours on the machine only ever take time away. */
function speed(read: () => void, bytes: number): number {
  let best = 0
  const rounds = 5
  for (let round = 0; round < rounds; round++) {
    const start = performance.now()
    let times = 0
    while (performance.now() - start < TIME / rounds) {
      read()
      times++
    }
    best = Math.max(best, (bytes * times) / (performance.now() - start) / 1000)
  }
  return best
}

function measure(large: boolean): Row[] {
  return bodies(large).map(({ name, body, stream }) => {
    const parse = stream ? parseStream : parseJson
    const ours = speed(() => readUsage(body), body.length)
    const theirs = speed(() => parse(body), body.length)
    return {
      body: name,
      KB: (body.length / 1000).toFixed(1),
      'readUsage MB/s': ours.toFixed(0),
      'parse MB/s': theirs.toFixed(0),
      ratio: `${(ours / theirs).toFixed(1)} x`,
    }
  })
}

function print(title: string, rows: readonly Row[]): void {
  const columns = Object.keys(rows[0] ?? {}) as (keyof Row)[]
  const width = (column: keyof Row) => Math.max(column.length, ...rows.map((row) => row[column].length))
  const line = (cells: (column: keyof Row) => string) =>
    columns.map((column, at) => cells(column)[at === 0 ? 'padEnd' : 'padStart'](width(column))).join('   ')
  process.stdout.write(`\n${title}\n\n${line((column) => column)}\n`)
  for (const row of rows) process.stdout.write(`${line((column) => row[column])}\n`)
}

process.stdout.write(
  'parse: JSON.parse of the body, or for streams an SSE or NDJSON parser and JSON.parse of each event;\n' +
    'bytes in, text decoding included. Best of 5 rounds.\n',
)
print('Bodies under 10 KB', measure(false))
const large = measure(true)
print('Bodies over 100 KB', large)
const reached = large.filter(({ ratio }) => Number.parseFloat(ratio) >= GOAL).length
process.stdout.write(`\n${reached} of ${large.length} bodies over 100 KB reach the goal of ${GOAL} x.\n`)
