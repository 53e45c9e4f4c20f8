import { expect } from 'chai'
import { SeenIds } from '../../../cli/import/seen-ids.ts'

describe('ids of a file', () => {
  it('are told by their line when they come again, however many there are', () => {
    const seen = new SeenIds()
    const first = Array.from({ length: 50_000 }, (_, i) => seen.add(`id-${i}`, i + 1))
    expect(new Set(first)).to.deep.equal(new Set([undefined]))
    for (const i of [0, 1, 511, 512, 513, 31_337, 49_999]) {
      expect(seen.add(`id-${i}`, 60_000 + i)).to.equal(i + 1)
      expect(seen.add(`id-${i}`, 1)).to.equal(60_000 + i)
    }
    expect(seen.add('another', 1)).to.equal(undefined)
  })
})
