import { expect } from 'chai'
import { counted } from '../../../../plugins/virtual-key/estimate/counted.ts'

describe('counted', () => {
  const guess = { prompt: 10, completion: 40 }
  const reported = { promptTokens: 5, completionTokens: 4, totalTokens: 9 }
  const zero = { promptTokens: 0, completionTokens: 0, totalTokens: 0 }

  it('a report stands', () => {
    expect(counted(reported, undefined, true)).to.deep.equal({ usage: reported, estimated: false })
    expect(counted(reported, guess, true)).to.deep.equal({ usage: reported, estimated: false })
  })

  it('a reported 0 is never overridden', () => {
    expect(counted(zero, guess, true)).to.deep.equal({ usage: zero, estimated: false })
    expect(counted(zero, guess, false)).to.deep.equal({ usage: zero, estimated: false })
  })

  it('an answer that broke off after its first count gets the prompt as reported and the completion as seen', () => {
    expect(counted(reported, guess, false)).to.deep.equal({
      usage: { promptTokens: 5, completionTokens: 40, totalTokens: 45 },
      estimated: true,
    })
    expect(counted(reported, { completion: 6 }, false)).to.deep.equal({ usage: reported, estimated: false })
  })

  it('no report: the estimate, unless the answer shows nothing of a model', () => {
    expect(counted('no_usage', guess, true)).to.deep.include({ estimated: true })
    expect(counted('no_usage', { prompt: 10, completion: 0 }, true)).to.equal('no_usage')
    expect(counted('no_usage', undefined, true)).to.equal('no_usage')
    expect(counted('cut_off', { prompt: 10, completion: 0 }, false)).to.deep.equal({
      usage: { promptTokens: 10, completionTokens: 0, totalTokens: 10 },
      estimated: true,
    })
    expect(counted('cut_off', { completion: 0 }, false)).to.equal('cut_off')
  })
})
