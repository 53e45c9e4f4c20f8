import { expect } from 'chai'
import { Haystack } from '../../../../../plugins/virtual-key/usage/json/search.ts'

describe('usage: where a byte comes next', () => {
  const text = 'a-b--c'
  const haystack = () => new Haystack(Buffer.from(text))
  const dash = text.charCodeAt(1)

  it('whatever was asked before, also when that was further on', () => {
    for (const first of [0, 1, 2, 3, 4, 5, 6]) {
      for (const then of [0, 1, 2, 3, 4, 5, 6]) {
        const asked = haystack()
        asked.next(dash, first)
        const found = text.indexOf('-', then)
        expect(asked.next(dash, then), `${first}, then ${then}`).to.equal(found < 0 ? text.length : found)
      }
    }
  })

  it('the nearest of several, and the end where there is none', () => {
    expect(haystack().nearest([dash, text.charCodeAt(5)], 2)).to.equal(3)
    expect(haystack().nearest([dash, text.charCodeAt(5)], 5)).to.equal(5)
    expect(haystack().nearest([0], 0)).to.equal(text.length)
  })
})
