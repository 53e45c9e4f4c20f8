import { syncBuiltinESMExports } from 'node:module'
import threads from 'node:worker_threads'
import { expect } from 'chai'
import sinon from 'sinon'
import type { Sample } from '../../../../../plugins/virtual-key/metering/estimate/bounded-sample.ts'
import { guess } from '../../../../../plugins/virtual-key/metering/estimate/estimate.ts'
import { Estimator } from '../../../../../plugins/virtual-key/metering/estimate/estimator.ts'
import { tokensOf } from '../../../../../plugins/virtual-key/metering/estimate/tokens.ts'
import { answerCost } from '../../../../support/estimated.ts'

const SIZE = 8 * 1024 * 1024

/** A body of 8 MB that holds this again and again. */
function repeated(text: string, before: string): Buffer {
  return Buffer.concat([Buffer.from(before), Buffer.alloc(SIZE, text)])
}

describe('Estimator', function () {
  this.timeout(120_000)

  const estimators: Estimator[] = []

  function newEstimator(options = {}): Estimator {
    const made = new Estimator(options)
    estimators.push(made)
    return made
  }

  const small: Sample = {
    request: Buffer.from('{"prompt":"Hello"}'),
    head: Buffer.from('{"text":"Hello"}'),
    seen: 16,
  }
  const hello = { prompt: tokensOf('Hello'), completion: answerCost('Hello'), answered: true }

  afterEach(async () => {
    for (const one of estimators.splice(0)) await one.close(0)
  })

  it('where the system gives no thread it guesses, and has one again when there is one', async () => {
    const estimator = newEstimator()
    const none = sinon.stub(threads, 'Worker').throws(new Error('ERR_WORKER_INIT_FAILED'))
    syncBuiltinESMExports()
    try {
      const guessed = await Promise.all([estimator.estimate(small), estimator.estimate(small)])
      expect(guessed).to.deep.equal([guess(small), guess(small)])
    } finally {
      none.restore()
      syncBuiltinESMExports()
    }
    expect(await estimator.estimate(small)).to.deep.equal(hello)
  })

  const hostile: Record<string, Buffer> = {
    'escaped line ends': repeated('\\n', '{"content":"'),
    'line ends': repeated('\n', '{"content":"'),
    'short messages': repeated('{"role":"user","content":"a"},', '{"messages":['),
    'letters without a space': repeated('a', '{"content":"'),
    'open brackets': repeated('[', '{"content":'),
    quotes: repeated('"', '{"content":'),
    backslashes: repeated('\\', '{"content":"'),
    'names and blanks': repeated('"content"      ', '{'),
    'names and values': repeated('"content":"",', '{'),
  }
  for (const [name, body] of Object.entries(hostile)) {
    it(`twelve exchanges of 8 MB of ${name} keep nobody waiting`, async () => {
      const estimator = newEstimator()
      expect(await estimator.estimate(small)).to.deep.equal(hello)
      const started = process.cpuUsage()
      const all = Array.from({ length: 12 }, () =>
        estimator.estimate({ request: body, head: body, seen: body.length }),
      )
      expect(await estimator.estimate(small)).to.deep.equal(hello)
      for (const { prompt = 0, completion } of await Promise.all(all)) {
        expect(prompt + completion, 'tokens').to.be.at.least(0)
      }
      const { user, system } = process.cpuUsage(started)
      expect((user + system) / 1000, 'milliseconds of CPU').to.be.below(6000)
    })
  }

  it('goes on after a thread that died, and guesses at what it died of', async () => {
    const estimator = newEstimator()
    await estimator.estimate(small)
    // No encoding is a number: the thread fails at it.
    const lethal = { ...small, encoding: 5 as unknown as string }
    const [died, next] = await Promise.all([estimator.estimate(lethal), estimator.estimate(small)])
    expect(died.answered).to.equal(true)
    expect(next).to.deep.equal(hello)
  })

  it('guesses, upwards, where more waits than it takes on', async () => {
    const estimator = newEstimator({ most: 2 })
    const all = await Promise.all(Array.from({ length: 10 }, () => estimator.estimate(small)))
    expect(all.filter(({ completion }) => completion === hello.completion)).to.have.length(3)
    for (const { prompt = 0, completion } of all) {
      expect(prompt).to.be.at.least(hello.prompt)
      expect(completion).to.be.at.least(hello.completion)
    }
  })

  it('holds no more bytes than it may', async () => {
    const text = `{"content":"${'Hello, you there. '.repeat(10_000)}"}`
    const large = { request: Buffer.from(text), head: Buffer.from(text), seen: text.length }
    const estimator = newEstimator({ mostBytes: 800_000 })
    const all = await Promise.all(Array.from({ length: 6 }, () => estimator.estimate(large)))
    const counts = new Set(all.map(({ completion }) => completion))
    expect(counts.size).to.equal(2)
  })

  it('ends with guesses instead of losing what waits', async () => {
    const estimator = newEstimator()
    const all = Array.from({ length: 5 }, () => estimator.estimate(small))
    await estimator.close(0)
    for (const { completion } of await Promise.all(all)) expect(completion).to.be.at.least(hello.completion)
  })
})
