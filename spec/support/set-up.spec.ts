import { expect } from 'chai'
import { setUp } from './set-up.ts'

describe('a set-up of specs', () => {
  it('that throws stops what it started, the last first, and tells its own error', async () => {
    const stopped: number[] = []
    const error = await setUp(async (started) => {
      started(1, (one) => stopped.push(one))
      started(2, async () => {
        throw new Error('it does not stop')
      })
      started(3, (one) => stopped.push(one))
      throw new Error('port 1 is taken')
    }).catch((thrown: Error) => thrown)
    expect([(error as Error).message, stopped]).to.deep.equal(['port 1 is taken', [3, 1]])
  })

  it('that succeeds stops nothing', async () => {
    const stopped: number[] = []
    expect(await setUp(async (started) => started(1, (one) => stopped.push(one)))).to.equal(1)
    expect(stopped).to.deep.equal([])
  })
})
