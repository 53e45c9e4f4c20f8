import { expect } from 'chai'
import { Fetches } from '../../../../plugins/virtual-key/request/lookups.ts'

const MINUTE = 60_000

describe('Fetched answers', () => {
  let now: number
  let fetches: Fetches

  beforeEach(() => {
    now = 1000
    fetches = new Fetches(() => now)
  })

  it('are possible from the start: another process may have seen the access phase, before a reload or its end', () => {
    now += MINUTE
    expect(fetches.possible).to.equal(true)
  })

  it('are none where no request for one came for as long as an answer may take', () => {
    now += 15 * MINUTE
    expect(fetches.possible).to.equal(false)
    fetches.begin()
    now += 14 * MINUTE
    expect(fetches.possible).to.equal(true)
    now += MINUTE
    expect(fetches.possible).to.equal(false)
  })
})
