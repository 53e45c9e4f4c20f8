import { expect } from 'chai'
import { UncountedLog } from '../../../../plugins/virtual-key/telemetry/uncounted-log.ts'

describe('What was not counted', () => {
  it('is logged at once, then once a minute with their number, each reason by itself', () => {
    let now = 1_000_000
    const lines = new UncountedLog(() => now)
    expect(lines.add('no_usage')).to.equal('no_usage: 1 response that report no usage')
    for (let i = 0; i < 5; i++) expect(lines.add('no_usage')).to.equal(undefined)
    expect(lines.add('no_key')).to.match(/^no_key: 1 response /)
    now += 60_000
    expect(lines.add('no_usage')).to.match(/^no_usage: 6 responses /)
    expect(lines.add('no_usage')).to.equal(undefined)
  })
})
