import { expect } from 'chai'
import { durationFrom } from '../../schema/duration.ts'

describe('durationFrom', () => {
  const ALL = ['ms', 's', 'm', 'h', 'd'] as const
  const WRITTEN = {
    '500ms': 500,
    '45s': 45_000,
    '30m': 1_800_000,
    '12h': 43_200_000,
    '90d': 7_776_000_000,
    '0s': 0,
  }
  for (const [text, time] of Object.entries(WRITTEN))
    it(`reads ${text}`, () => expect(durationFrom(text, ALL)).to.equal(time))

  for (const text of ['', '90', 's', '1.5h', '-1s', '1 s', '1S', '1s2', '1w', '1e3s', '1constructor'])
    it(`does not read "${text}"`, () => expect(durationFrom(text, ALL)).to.equal(undefined))

  it('reads no unit that the caller does not name', () => {
    expect(durationFrom('1d', ['ms', 's', 'm', 'h'])).to.equal(undefined)
    expect(durationFrom('1ms', ['s', 'm', 'h', 'd'])).to.equal(undefined)
  })
})
