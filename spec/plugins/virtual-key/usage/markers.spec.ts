import { expect } from 'chai'
import { FORMATS, USAGE_MARKERS } from '../../../../plugins/virtual-key/usage/formats.ts'
import { markersOf } from '../../../../plugins/virtual-key/usage/markers.ts'

describe('usage: markers', () => {
  it('each count of each format has one in its name', () => {
    for (const { name, counts } of FORMATS) {
      expect(counts, name).not.to.have.length(0)
      for (const path of counts) {
        const member = path.slice(path.lastIndexOf('.') + 1)
        expect(
          USAGE_MARKERS.some((marker) => member.includes(marker)),
          path,
        ).to.equal(true)
      }
    }
  })

  it('a count whose name is like no other is a marker itself', () => {
    const known = markersOf(['usage.prompt_tokens'])
    expect(markersOf(['usage.prompt_tokens', 'results[].words', 'words'])).to.deep.equal([...known, 'words'])
  })
})
