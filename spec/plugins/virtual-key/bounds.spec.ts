import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { Redis } from 'ioredis'
import { MOST_PENDING, PendingReleases } from '../../../plugins/virtual-key/admission/pending-releases.ts'
import { reservationOf } from '../../../plugins/virtual-key/admission/reserve.ts'
import { CounterSnapshots } from '../../../plugins/virtual-key/metering/counter-snapshots.ts'
import { Bulkhead } from '../../../plugins/virtual-key/outbox/bulkhead.ts'
import { ROOT } from '../../support/root.ts'

/** The spec that fills a bound to its end, beside this one, and a part of its title. */
interface Elsewhere {
  readonly spec: string
  readonly title: string
}

const TAP = 'metering/tap/lua.spec.ts'
const HOSTILE = 'usage/hostile.spec.ts'
const ESTIMATOR = 'metering/estimate/estimator.spec.ts'

/** Each bound of docs/operations.md, by its first column: what fills it, or where that is. */
const BOUNDS: Readonly<Record<string, Elsewhere | (() => void)>> = {
  'Header values of a request': {
    spec: '../../integration/escapes.spec.ts',
    title: 'a header behind many others is seen as well, and more than Kong can show are refused',
  },
  'A key id': { spec: 'request/identity.spec.ts', title: 'passes over a name that would fill Redis' },
  'A request body that is read where usage is asked for or tokens are reserved': {
    spec: '../../fixtures/ways-out/bodies.ts',
    title: 'TOO_LARGE',
  },
  'A request that the tap keeps until its response is there': {
    spec: TAP,
    title: 'of one that is too long to be read only its length, declared or not',
  },
  'A response that the tap keeps': { spec: TAP, title: 'keeps head and tail of ' },
  'A body in a message from Kong': {
    spec: 'server/messages.spec.ts',
    title: 'takes a body beyond 64 MiB for none, holds nothing of it, and goes on after it',
  },
  'A compressed response': { spec: HOSTILE, title: 'gzip of 400 MB' },
  'A document of a response, kept so that it can be read from its end': {
    spec: HOSTILE,
    title: 'a broken document with many members',
  },
  'Broken documents of one response whose end is searched': {
    spec: HOSTILE,
    title: 'broken events with members',
  },
  'A request, and a response, that is read for an estimate': {
    spec: ESTIMATOR,
    title: 'twelve exchanges of 8 MB',
  },
  'Estimates that wait': { spec: ESTIMATOR, title: 'holds no more bytes than it may' },
  'The thread that estimates': { spec: ESTIMATOR, title: 'goes on after a thread that died' },
  'Usage records that wait for Redis in memory': {
    spec: 'metering/usage-settler.spec.ts',
    title: 'keeps at most 10,000, and what finds no room is counted and said',
  },
  'Usage records in the spool': {
    spec: 'metering/spool/usage-spool.spec.ts',
    title: ' than it may; what finds no room in memory either is counted and said',
  },
  'Ids from a header (`identify_by: header`) that are not registered, in Redis': {
    spec: 'metering/invented.spec.ts',
    title: ' of a partition have counters of their own; whatever comes then counts for its overflow id',
  },
  'Totals that a process remembers': () => {
    const known = new CounterSnapshots()
    for (let i = 0; i < 10_002; i++) known.set(`total-${i}`, { keyId: 'a', epoch: 0, total: 1 })
    const kept = (i: number) => known.get(`total-${i}`) !== undefined
    expect([kept(0), kept(1), kept(2), kept(10_001)]).to.deep.equal([false, false, true, true])
  },
  'Requests under way whose reservation a process remembers': {
    spec: 'admission/admissions.spec.ts',
    title: 'remembers no more requests than it may, the latest ones',
  },
  'Reservations that wait to be released': () => {
    const redis = new Redis({ lazyConnect: true })
    const pending = new PendingReleases(redis)
    for (let i = 0; i < MOST_PENDING + 2; i++) pending.add('vk', reservationOf(`spec-${i}`, 1))
    expect(pending.size).to.equal(MOST_PENDING)
    redis.disconnect()
  },
  'Alerts that a process has taken': () => {
    const lanes = new Bulkhead(8, 64)
    const taken = Array.from({ length: 100 }, () => lanes.run('one host', () => new Promise(() => undefined)))
    expect(taken.filter((one) => one)).to.have.length(8 + 64)
    expect(lanes.run('another', async () => undefined)).to.equal(true)
  },
  'A webhook’s response': {
    spec: 'outbox/send.spec.ts',
    title: 'reads 4 KB of an endless body and keeps less',
  },
  'Lines that wait for Kong’s log': {
    spec: 'telemetry/critical-lines.spec.ts',
    title: 'keeps at most 100 lines, and tells how many gave way',
  },
}

describe('Bounds', () => {
  for (const [what, bound] of Object.entries(BOUNDS)) {
    it(what, () => {
      if (typeof bound === 'function') return bound()
      const text = readFileSync(join(ROOT, 'spec', 'plugins', 'virtual-key', bound.spec), 'utf8')
      expect(text).to.contain(bound.title)
    })
  }

  it('docs/operations.md lists each of them, and no other', () => {
    const page = readFileSync(join(ROOT, 'docs', 'operations.md'), 'utf8')
    const [, table = ''] = page.split('| What | Bound | Beyond it |\n| --- | --- | --- |\n')
    const [rows = ''] = table.split('\n\n')
    const listed = rows
      .trim()
      .split('\n')
      .map((row) => row.split(' | ')[0]?.replace(/^\| /, ''))
    expect(listed).to.deep.equal(Object.keys(BOUNDS))
  })
})
