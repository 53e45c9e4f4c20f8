import { expect } from 'chai'
import { counted } from '../../../../../plugins/virtual-key/metering/estimate/counted.ts'

describe('counted', () => {
  const guess = { prompt: 10, completion: 40, answered: true }
  const reported = { promptTokens: 5, completionTokens: 4, totalTokens: 9 }
  const zero = { promptTokens: 0, completionTokens: 0, totalTokens: 0 }
  const nothing = { completion: 0, answered: false }

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
    const near = { completion: 6, answered: true }
    expect(counted(reported, near, false)).to.deep.equal({ usage: reported, estimated: false })
  })

  it('an answer that broke off after its prompt was reported, and nothing else, gets the completion as seen', () => {
    expect(counted({ promptTokens: 5, totalTokens: 5 }, guess, false)).to.deep.equal({
      usage: { promptTokens: 5, completionTokens: 40, totalTokens: 45 },
      estimated: true,
    })
    const total = { totalTokens: 9 }
    expect(counted(total, guess, false)).to.deep.equal({ usage: total, estimated: false })
  })

  it('no report: the estimate, unless the answer shows nothing of a model', () => {
    expect(counted('no_usage', guess, true)).to.deep.include({ estimated: true })
    expect(counted('no_usage', { ...nothing, prompt: 10 }, true)).to.equal('no_usage')
    expect(counted('no_usage', undefined, true)).to.equal('no_usage')
    const asked = {
      usage: { promptTokens: 10, completionTokens: 0, totalTokens: 10 },
      estimated: true,
    }
    expect(counted('cut_off', { ...nothing, prompt: 10 }, false)).to.deep.equal(asked)
    expect(counted('no_usage', { ...nothing, prompt: 10, answered: true }, true)).to.deep.equal(asked)
    expect(counted('cut_off', nothing, false)).to.equal('cut_off')
  })
})
