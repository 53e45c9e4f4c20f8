import { expect } from 'chai'
import type { Hints, Usage } from '../../../../plugins/virtual-key/usage/index.ts'
import { UsageReader } from '../../../../plugins/virtual-key/usage/index.ts'
import type { Expected } from '../../../fixtures/usage/fixture.ts'

/** Reads a body in the given pieces. Each piece is a copy that is overwritten afterwards, as the contract allows. */
export function readPieces(pieces: Iterable<Uint8Array>, hints?: Hints): Usage | undefined {
  const reader = new UsageReader(hints)
  let last: Uint8Array | undefined
  for (const piece of pieces) {
    const copy = Uint8Array.from(piece)
    reader.feed(copy)
    last?.fill(0x22)
    last = copy
  }
  return reader.end()
}

export function* bytewise(body: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < body.length; at++) yield body.subarray(at, at + 1)
}

/** Pieces between the given positions, in ascending order; none is empty. */
export function* splitAt(body: Uint8Array, positions: readonly number[]): Generator<Uint8Array> {
  let from = 0
  for (const to of [...positions, body.length]) {
    if (to > from) yield body.subarray(from, to)
    from = to
  }
}

export function expectUsage(usage: Usage | undefined, expected: Expected, how: string): void {
  const actual = usage && [usage.promptTokens, usage.completionTokens, usage.totalTokens]
  expect(actual, how).to.deep.equal(expected)
}
