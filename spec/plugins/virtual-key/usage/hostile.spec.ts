import { crc32, gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { inspectUsage } from '../../../../plugins/virtual-key/usage/read-usage.ts'
import { chunk, eventStream } from '../../../fixtures/usage/wire.ts'
import { random } from './random.ts'

const SIZE = 20_000_000

/** The promise for one body, in ms. */
const TIME_MAX = 1000

/**
 * On a slow or loaded machine a body may take so many times as long as a loop that only adds its bytes up, which takes
 * some 30 ms on an idle one. A quadratic reader would take hours.
 */
const LOOPS_MAX = 100

const bodies: Record<string, () => Buffer> = {
  'names and nothing else': () => repeat('"usage"'),
  'open objects': () => repeat('{'),
  'open arrays': () => repeat('['),
  'open arrays in a document': () => repeat('[', '{"a":'),
  'open objects named usage': () => repeat('{"usage":'),
  'line ends': () => repeat('\n'),
  'carriage returns': () => repeat('\r'),
  'empty events': () => repeat('data:\n'),
  'events with a marker': () => repeat('data:_token\n'),
  'events with usage': () => repeat('data: {"usage":{"total_tokens":1}}\n\n'),
  'events that are never closed': () => repeat('data: {"a":["_token\n'),
  'an event of many lines': () => Buffer.concat([repeat('data:{\n'), Buffer.from('_token')]),
  'lines of a stream that lack their field': () => repeat('{"usage":{"total_tokens":1}}\n', 'event: x\n'),
  'lines of a stream that lack field and start': () => repeat('"eval_count":1}\n', 'event: x\n'),
  'broken events with members': () => repeat('data: {"a":[x,"eval_count":1}\n\n'),
  'lines with usage': () => repeat('{"model":"m","eval_count":1}\n'),
  'elements with usage': () => repeat('{"usage":{"total_tokens":1}},', '['),
  'members with usage': () => repeat('"usage":{"total_tokens":1},', '{'),
  'numbers to add up': () => repeat('{"tokenCount":1},', '{"results":['),
  'backslashes in a string': () => repeat('\\', '{"a":"'),
  'escaped quotes in a string': () => repeat('\\"', '{"a":"'),
  'a long name': () => repeat('a', '{"'),
  'a long number': () => repeat('1', '{"usage":{"total_tokens":'),
  'a broken document with many members': () => Buffer.concat([repeat(',"a":1', '{"a":[x'), Buffer.from('}')]),
  'white space': () => repeat(' '),
  zeros: () => Buffer.alloc(SIZE),
  'random bytes': randomBytes,
  frames: () =>
    repeatBytes(eventStream([chunk({ outputText: 'hello', index: 1 }), chunk({ eval_count: 1 })])),
  'preludes of huge frames': () => repeatBytes(prelude(16_000_000)),
  'false starts of frames': () =>
    repeatBytes(Buffer.from([0, 2, 0, 0, 0, 0, 0, 0]), eventStream([['x', {}]])),
  'zstd blocks that decode to one byte': () =>
    repeatBytes(Buffer.from([10, 0, 0, 32]), Buffer.from('28b52ffd0050', 'hex')),
  'zstd blocks of few bytes': () =>
    repeatBytes(Buffer.from([44, 0, 0, 1, 2, 3, 4, 5]), Buffer.from('28b52ffd0050', 'hex')),
  'zstd frames of nothing': () => repeatBytes(Buffer.from('28b52ffd0050010000', 'hex')),
  'gzip of 400 MB': () => gzipSync(Buffer.alloc(400_000_000)),
  'small gzip members': () => repeatBytes(gzipSync('{"a":1}')),
}

describe('usage: hostile bodies of 20 MB', () => {
  for (const [name, make] of Object.entries(bodies)) {
    it(name, function () {
      this.timeout(60_000)
      const body = make()
      const { milliseconds } = timed(() => inspectUsage(body))
      const limit = Math.max(TIME_MAX, LOOPS_MAX * timed(() => sum(body)).milliseconds)
      expect(milliseconds, 'milliseconds').to.be.below(limit)

      const parts = { head: body.subarray(0, body.length / 3), tail: body.subarray(body.length / 2) }
      expect(timed(() => inspectUsage(parts)).milliseconds, 'its middle missing').to.be.below(limit)
    })
  }
})

/** Milliseconds of this process on a processor: others may keep the machine busy. */
function timed<T>(run: () => T): { result: T; milliseconds: number } {
  const start = process.cpuUsage()
  const result = run()
  const { user, system } = process.cpuUsage(start)
  return { result, milliseconds: (user + system) / 1000 }
}

/** Over `SIZE` bytes, however long the body itself is. */
function sum(body: Buffer): number {
  let total = 0
  for (let at = 0; at < SIZE; at++) total += body[at % body.length] as number
  return total
}

function repeat(text: string, before = ''): Buffer {
  return repeatBytes(Buffer.from(text), Buffer.from(before))
}

function repeatBytes(bytes: Buffer, before: Uint8Array = Buffer.alloc(0)): Buffer {
  return Buffer.concat([before, Buffer.alloc(SIZE, bytes)])
}

function randomBytes(): Buffer {
  const next = random(7)
  return Buffer.from(Uint32Array.from({ length: SIZE / 4 }, () => next() * 2 ** 32).buffer)
}

function prelude(length: number): Buffer {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt32BE(length, 0)
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 8)), 8)
  return bytes
}
