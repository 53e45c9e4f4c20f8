import type { State } from '../../../cli/doctor/finding.ts'
import { judgeOutbox } from '../../../cli/doctor/outbox.ts'
import type { OutboxView } from '../../../cli/doctor/outbox-view.ts'
import type { AlertRecord } from '../../../plugins/virtual-key/outbox/alert-record.ts'
import { expectJudged } from './expected.ts'

const [OLD, YOUNG] = ['2026-04-06T17:00:00Z', '2026-04-06T19:59:58Z']

const record = (timestamp: string, attempts = 0): AlertRecord => ({
  keyId: 'k',
  configuration: 'plugin-0',
  url: 'https://example.com',
  timeout: 1,
  allowPrivateNetworks: false,
  format: 'json',
  attempts: Array.from({ length: attempts }, () => ({ at: 1, duration: 1 })),
  payload: JSON.stringify({ timestamp }),
})

const view = (own: Partial<OutboxView>): OutboxView => ({
  fresh: 0,
  waiting: 0,
  overdue: 0,
  stale: false,
  dispatchers: 1,
  now: Date.parse('2026-04-06T20:00:00Z'),
  records: [],
  ...own,
})

describe('vk doctor, what it makes of the outbox', () => {
  const cases: ReadonlyArray<readonly [string, Partial<OutboxView>, State, string]> = [
    ['nothing', {}, 'ok', 'empty'],
    [
      'one on its way',
      { fresh: 1, records: [record(YOUNG)] },
      'ok',
      '1 alert, the oldest from 2 s ago; 0 for another attempt',
    ],
    [
      'one on its way, before any dispatcher has looked',
      { fresh: 1, dispatchers: 0, records: [record(YOUNG)] },
      'ok',
      '1 alert',
    ],
    [
      'some that wait for another attempt',
      { waiting: 2, records: [record(YOUNG, 1), record(OLD, 3)] },
      'warn',
      '2 alerts, the oldest from 3 h ago; 2 for another',
    ],
    [
      'an old one that nobody takes',
      { fresh: 1, stale: true, dispatchers: 0, records: [record(OLD)] },
      'fail',
      'no dispatcher',
    ],
    [
      'one long due that nobody takes',
      { waiting: 1, overdue: 1, dispatchers: 0, records: [record(OLD, 1)] },
      'fail',
      'no dispatcher',
    ],
    [
      'one that goes from hand to hand',
      { waiting: 1, records: [record(OLD)] },
      'warn',
      '1 old one never tried, though 1 dispatcher runs',
    ],
    [
      'more than can be sent',
      { fresh: 9, stale: true, dispatchers: 2, records: [record(OLD, 1)] },
      'warn',
      '2 dispatchers, not fast enough',
    ],
    ['payloads that cannot be read', { fresh: 1, records: [record('?')] }, 'ok', '1 alert; 0 for'],
  ]
  for (const [name, own, state, part] of cases)
    it(name, () => expectJudged(judgeOutbox(view(own)), [[state, part]]))
})
