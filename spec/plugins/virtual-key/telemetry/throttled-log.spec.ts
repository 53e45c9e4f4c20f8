import { expect } from 'chai'
import { lineLog } from '../../../../plugins/virtual-key/telemetry/log.ts'
import { Throttle, ThrottledLog } from '../../../../plugins/virtual-key/telemetry/throttled-log.ts'

describe('Throttle', () => {
  it('tells of the first at once, and of the others once a minute with their number, each kind on its own', () => {
    let now = 0
    const throttle = new Throttle<string>(() => now)
    const seen = [throttle.add('a'), throttle.add('a'), throttle.add('a'), throttle.add('b')]
    now = 59_999
    seen.push(throttle.add('a'))
    now = 60_000
    seen.push(throttle.add('a'), throttle.add('a'))
    expect(seen).to.deep.equal([1, undefined, undefined, 1, undefined, 4, undefined])
  })
})

describe('ThrottledLog', () => {
  let now = 0
  let lines: string[] = []
  let trouble: ThrottledLog

  beforeEach(() => {
    now = 0
    lines = []
    const log = lineLog((line) => lines.push(line.trim()))
    trouble = new ThrottledLog(log, () => now)
  })

  it('says nothing of trouble that passes', () => {
    trouble.failed('work', 1, new Error('no'))
    now = 4999
    trouble.failed('work', 1, new Error('no'))
    trouble.passed('work', 1)
    now = 9000
    trouble.failed('work', 1, new Error('no'))
    trouble.passed('work', 1)
    expect(lines).to.deep.equal([])
  })

  it('tells of trouble that lasts after a short while, once a minute, and when it is over', () => {
    for (; now <= 130_000; now += 1000) {
      trouble.failed('work', 1, new Error('no'))
      trouble.failed('work', 2, new Error('neither'))
    }
    trouble.passed('work', 1)
    expect(lines).to.have.length(3)
    trouble.passed('work', 2)
    trouble.passed('work', 2)
    expect(lines).to.deep.equal([
      'virtual-key error: work: failing for 5 s: no',
      'virtual-key error: work: failing for 65 s: no',
      'virtual-key error: work: failing for 125 s: no',
      'virtual-key info: work: works again',
    ])
  })

  it('tells of each kind on its own', () => {
    for (; now <= 6000; now += 1000) {
      trouble.failed('one', 1, new Error('no'))
      trouble.failed('other', 1, new TypeError())
    }
    expect(lines).to.deep.equal([
      'virtual-key error: one: failing for 5 s: no',
      'virtual-key error: other: failing for 5 s: TypeError',
    ])
  })
})
