import { expect } from 'chai'
import type { Check } from '../../../cli/doctor/check.ts'
import { examine } from '../../../cli/doctor/check.ts'
import { DoctorContext, Unavailable } from '../../../cli/doctor/context.ts'
import { fail, ok, report } from '../../../cli/doctor/finding.ts'
import { redisConfig } from '../../support/connection.ts'

describe('vk doctor, its checks', () => {
  const context = new DoctorContext({
    redis: redisConfig(1),
    admin: undefined,
    signers: undefined,
    timeout: 50,
  })
  const check = (name: string, run: Check['run']): Check => ({ name, run })

  it('do not notice each other: one hangs, one throws, one cannot be', async () => {
    const found = await examine(context, [
      check('hangs', () => new Promise(() => undefined)),
      check('throws', () => {
        throw new TypeError('broken')
      }),
      check('rejects', () => Promise.reject(new Error('refused'))),
      check('away', () => Promise.reject(new Unavailable('no Redis', 'at 127.0.0.1'))),
      check('fine', async () => [ok('one'), ok('two')]),
    ])
    expect(found.map(({ check, state, finding }) => [check, state, finding])).to.deep.equal([
      ['hangs', 'fail', 'it could not be looked at within 0.05 s'],
      ['throws', 'fail', 'it could not be looked at: broken'],
      ['rejects', 'fail', 'it could not be looked at: refused'],
      ['away', 'skipped', 'no Redis'],
      ['fine', 'ok', 'one'],
      ['fine', 'ok', 'two'],
    ])
  })

  it('run at the same time', async () => {
    let open: () => void = () => undefined
    const door = new Promise<void>((resolve) => {
      open = resolve
    })
    const found = await examine(context, [
      check('first', () => door.then(() => [ok('went through')])),
      check('second', async () => {
        open()
        return [ok('opened')]
      }),
    ])
    expect(found.map(({ finding }) => finding)).to.deep.equal(['went through', 'opened'])
  })

  it('are told in a table, with the advice below, and nothing that a terminal would obey', () => {
    const findings = [
      { check: 'redis', ...ok('Redis 7') },
      { check: 'tap', ...fail('route \u001b[2Jchat', 'vk tap') },
      { check: 'tap', ...ok('route stream') },
    ]
    expect(report(findings).split('\n')).to.deep.equal([
      'STATE  CHECK  FINDING',
      'ok     redis  Redis 7',
      'fail   tap    route  [2Jchat',
      '              → vk tap',
      'ok            route stream',
    ])
  })
})
