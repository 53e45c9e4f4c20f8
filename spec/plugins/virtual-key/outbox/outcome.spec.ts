import { expect } from 'chai'
import {
  type Outcome,
  outcomeOf,
  parkedOutcome,
  retryAfter,
  SCHEDULE,
  scheduleFrom,
} from '../../../../plugins/virtual-key/outbox/outcome.ts'

const attempt = (status?: number, error?: string) => ({
  at: 0,
  duration: 5,
  ...(status === undefined ? {} : { status }),
  ...(error === undefined ? {} : { error }),
})

describe('outcomeOf', () => {
  const delays = (random: number) =>
    Array.from({ length: 10 }, (_, i) => outcomeOf({ attempt: attempt(500) }, i + 1, SCHEDULE, random))

  it('follows the whole schedule and then gives up', () => {
    const minutes = (outcome: Outcome) =>
      outcome.state === 'retry' ? Math.round(outcome.delay) / 60_000 : outcome.state
    expect(delays(0.5).map(minutes)).to.deep.equal([5 / 60, 5, 30, 120, 300, 600, 840, 1200, 1440, 'dead'])
  })

  it('varies each wait by a tenth either way', () => {
    const [least] = delays(0)
    const [most] = delays(1)
    expect(least).to.deep.equal({ state: 'retry', delay: 4500 })
    expect(most?.state === 'retry' && Math.round(most.delay)).to.equal(5500)
  })

  for (const status of [200, 201, 202, 204, 299]) {
    it(`${status} is delivered`, () =>
      expect(outcomeOf({ attempt: attempt(status) }, 1, SCHEDULE, 0).state).to.equal('delivered'))
  }

  for (const status of [301, 302, 307, 308, 400, 401, 404, 408, 422, 429, 500, 502, 503, 504]) {
    it(`${status} is tried again`, () =>
      expect(outcomeOf({ attempt: attempt(status) }, 1, SCHEDULE, 0).state).to.equal('retry'))
  }

  it('410 is given up at once, with the reason', () =>
    expect(outcomeOf({ attempt: attempt(410) }, 1, SCHEDULE, 0)).to.deep.equal({
      state: 'dead',
      reason: 'the receiver answered 410 Gone',
    }))

  it('a refused target is tried again: its configuration may be corrected', () => {
    const refused = { attempt: attempt(undefined, '10.0.0.1 is a private address'), refused: true }
    expect(outcomeOf(refused, 1, SCHEDULE, 0).state).to.equal('retry')
    expect(outcomeOf(refused, 10, SCHEDULE, 0)).to.deep.equal({
      state: 'dead',
      reason: '10 attempts failed, the last: 10.0.0.1 is a private address',
    })
  })

  it('Retry-After makes a wait longer, never shorter, and never longer than a day', () => {
    const wait = (ms: number) => outcomeOf({ attempt: attempt(429), retryAfter: ms }, 1, SCHEDULE, 0.5)
    expect(wait(1000)).to.deep.equal({ state: 'retry', delay: 5000 })
    expect(wait(60_000)).to.deep.equal({ state: 'retry', delay: 60_000 })
    expect(wait(1e15)).to.deep.equal({ state: 'retry', delay: 86_400_000 })
  })
})

describe('parkedOutcome', () => {
  const outcome = (age: number, waited: boolean) => parkedOutcome('why', age, waited, [1000, 5000], 0.5, 600)

  it('waits for the whole pause where the clock was read a moment before the entry got its id', () => {
    expect(parkedOutcome('why', -1, false, [], 0.5, 600)).to.include({ state: 'parked', delay: 600 })
  })

  it('looks again after a while, and at the end of the schedule', () => {
    expect(outcome(0, false)).to.deep.equal({ state: 'parked', reason: 'why', delay: 600 })
    expect(outcome(5900, true)).to.deep.equal({ state: 'parked', reason: 'why', delay: 100 })
  })

  it('gives up when the schedule is over, but not before it has waited once', () => {
    expect(outcome(6000, true)).to.deep.equal({ state: 'dead', reason: 'why' })
    expect(outcome(1e9, false)).to.deep.equal({ state: 'parked', reason: 'why', delay: 600 })
  })

  it('waits on where the clock of Redis went back', () =>
    expect(outcome(-1e9, true)).to.deep.equal({ state: 'parked', reason: 'why', delay: 600 }))
})

describe('retryAfter', () => {
  const now = Date.UTC(1994, 10, 6, 8, 49, 7)
  const cases: ReadonlyArray<readonly [string | undefined, number | undefined]> = [
    [undefined, undefined],
    ['120', 120_000],
    [' 0 ', 0],
    ['Sun, 06 Nov 1994 08:49:37 GMT', 30_000],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 30_000],
    ['Sun Nov  6 08:49:37 1994', 30_000],
    ['Sun, 06 Nov 1994 08:00:00 GMT', 0],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['5 minutes', undefined],
    ['2026', 2_026_000],
    ['', undefined],
  ]
  for (const [value, wait] of cases) {
    it(`${JSON.stringify(value)} is ${wait === undefined ? 'not understood' : `${wait} ms`}`, () =>
      expect(retryAfter(value, now)).to.equal(wait))
  }
})

describe('scheduleFrom', () => {
  it('reads times with units', () =>
    expect(scheduleFrom('500ms, 5s,30m,2h')).to.deep.equal([500, 5000, 1_800_000, 7_200_000]))
  it('reads an empty list: one attempt only', () => expect(scheduleFrom('')).to.deep.equal([]))
  it('reads no wait that is longer than a week', () => {
    expect(scheduleFrom('168h')).to.deep.equal([604_800_000])
    expect(() => scheduleFrom('169h')).to.throw('longer than a week')
  })
  for (const wrong of ['5', '5 s', 's', '-5s', '1d', '5s;6s'])
    it(`refuses ${wrong}`, () => expect(() => scheduleFrom(wrong)).to.throw(`"${wrong}"`))
})
