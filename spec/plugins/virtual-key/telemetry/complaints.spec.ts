import { expect } from 'chai'
import { Complaints } from '../../../../plugins/virtual-key/telemetry/complaints.ts'

describe('Complaints', () => {
  it('are told at once, then once a minute with their number, each reason by itself', () => {
    let now = 1_000_000
    const complaints = new Complaints(() => now)
    expect(complaints.add('no_usage')).to.equal('no_usage: 1 response that report no usage')
    for (let i = 0; i < 5; i++) expect(complaints.add('no_usage')).to.equal(undefined)
    expect(complaints.add('no_key')).to.match(/^no_key: 1 response /)
    now += 60_000
    expect(complaints.add('no_usage')).to.match(/^no_usage: 6 responses /)
    expect(complaints.add('no_usage')).to.equal(undefined)
  })
})
