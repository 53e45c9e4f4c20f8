import { expect } from 'chai'
import { judgeClock } from '../../../cli/doctor/clock.ts'
import type { State } from '../../../cli/doctor/finding.ts'
import { judgeDead } from '../../../cli/doctor/outbox.ts'
import { judgeRedis, type RedisFacts } from '../../../cli/doctor/redis.ts'
import { infoFrom, type RedisNode } from '../../../cli/doctor/redis-node.ts'
import { judgeMemory, judgePersistence } from '../../../cli/doctor/redis-storage.ts'
import { judgeSchema } from '../../../cli/doctor/schema.ts'
import { type Expected, expectJudged } from './expected.ts'

const node = (info: Record<string, string>, own: Partial<RedisNode> = {}): RedisNode => ({
  address: 'a:1',
  info,
  ...own,
})

describe('vk doctor, what it makes of Redis', () => {
  it('reads INFO, whatever is in the values', () => {
    expect(infoFrom('# Server\r\nredis_version:7.0.15\r\n\r\nexecutable:/a:b\r\n')).to.deep.equal({
      redis_version: '7.0.15',
      executable: '/a:b',
    })
  })

  describe('the server', () => {
    const facts = (info: Record<string, string>, own: Partial<RedisFacts> = {}): RedisFacts => ({
      address: 'a:1',
      nodes: [node(info)],
      ...own,
    })
    const master = { redis_version: '7.0.15', role: 'master' }
    const whole = { cluster_state: 'ok', cluster_slots_assigned: '16384', cluster_slots_fail: '0' }
    const silent = node({}, { address: 'b:2', trouble: 'Command timed out' })
    const cases: ReadonlyArray<readonly [string, RedisFacts, Expected]> = [
      ['a master', facts(master), [['ok', 'Redis 7.0.15 at a:1']]],
      ['the oldest that will do', facts({ ...master, redis_version: '6.2.0' }), [['ok', '6.2.0']]],
      ['one that is too old', facts({ ...master, redis_version: '6.0.16' }), [['fail', 'Redis 6.0.16']]],
      ['a much older one', facts({ ...master, redis_version: '5.0.14' }), [['fail', 'Redis 5.0.14']]],
      ['a later one', facts({ ...master, redis_version: '10.0.1' }), [['ok', '10.0.1']]],
      [
        'Valkey, which names a Redis too',
        facts({ ...master, redis_version: '7.2.4', valkey_version: '8.1.0' }),
        [['ok', 'Valkey 8.1.0']],
      ],
      ['a replica', facts({ ...master, role: 'slave' }), [['fail', 'a:1 is a replica']]],
      [
        'one node of a cluster, called alone',
        facts({ ...master, cluster_enabled: '1' }),
        [['fail', 'belongs to a Redis Cluster']],
      ],
      [
        'a cluster',
        facts({ ...master, cluster_enabled: '1' }, { cluster: whole }),
        [['ok', 'a cluster of 1 master']],
      ],
      [
        'a cluster that has lost a node',
        facts(master, { cluster: { ...whole, cluster_state: 'fail', cluster_slots_fail: '5461' } }),
        [['fail', 'state is fail, 5461 slots']],
      ],
      [
        'a cluster that goes on without some slots',
        facts(master, { cluster: { ...whole, cluster_slots_assigned: '16000' } }),
        [['fail', '384 slots']],
      ],
      [
        'a node that does not answer beside one that does',
        facts(master, { nodes: [node(master), silent] }),
        [['fail', 'b:2: Command timed out']],
      ],
      [
        'INFO forbidden',
        facts({}, { nodes: [node({}, { trouble: 'NOPERM this user' })] }),
        [['warn', 'does not tell']],
      ],
      [
        'scripts forbidden',
        facts(master, { scripts: 'NOPERM' }),
        [['fail', 'scripts cannot be run: NOPERM']],
      ],
      ['nobody there', facts({}, { nodes: [], away: 'ECONNREFUSED' }), [['fail', 'ECONNREFUSED']]],
    ]
    for (const [name, given, expected] of cases) it(name, () => expectJudged(judgeRedis(given), expected))
  })

  describe('memory', () => {
    const cases: ReadonlyArray<readonly [string, string, string, State, string]> = [
      ['0', 'noeviction', '5', 'ok', 'no limit'],
      ['0', 'allkeys-lru', '5', 'warn', 'without effect'],
      ['1000', 'noeviction', '894', 'ok', '89 %'],
      ['1000', 'noeviction', '950', 'warn', '95 %'],
      ['1000', 'noeviction', '2000', 'fail', '200 % of maxmemory used: writes are refused'],
      ['1000', 'volatile-ttl', '1', 'fail', 'volatile-ttl: totals and alerts can be evicted'],
    ]
    for (const [maxmemory, policy, used, state, part] of cases)
      it(`maxmemory ${maxmemory}, ${policy}, ${used} used`, () => {
        const info = { maxmemory, maxmemory_policy: policy, used_memory: used }
        expectJudged(judgeMemory([node(info)]), [[state, part]])
      })

    it('tells of which nodes it is true, and once what is true of all', () => {
      const good = { maxmemory: '0', maxmemory_policy: 'noeviction' }
      const bad = { maxmemory: '9', maxmemory_policy: 'allkeys-lru' }
      const nodes = ['a:1', 'b:2', 'c:3'].map((address, i) => node(i === 1 ? bad : good, { address }))
      expectJudged(judgeMemory(nodes), [
        ['ok', 'a:1, c:3: noeviction'],
        ['fail', 'b:2: maxmemory-policy allkeys-lru'],
      ])
      const silent = node({}, { address: 'd:4', trouble: 'away' })
      expect(judgeMemory([node(good), silent])).to.deep.equal([
        { state: 'ok', finding: 'noeviction, no limit' },
      ])
      expectJudged(judgeMemory([silent]), [['skipped', 'does not tell']])
    })
  })

  describe('persistence', () => {
    const off = { aof_enabled: '0', rdb_last_bgsave_status: 'ok' }
    const on = { aof_enabled: '1', aof_last_write_status: 'ok', rdb_last_bgsave_status: 'ok' }
    const noSnapshot = { rdb_last_bgsave_status: 'err' }
    type Case = readonly [string, Record<string, string>, string | undefined, State, string]
    const cases: readonly Case[] = [
      ['an append-only file', on, '', 'ok', 'append-only file'],
      ['one that cannot be written', { ...on, aof_last_write_status: 'err' }, '', 'fail', 'last write'],
      ['snapshots', off, '3600 1', 'warn', 'snapshots only'],
      ['snapshots that fail', { ...off, ...noSnapshot }, '3600 1', 'fail', 'last snapshot'],
      ['snapshots that fail beside a file', { ...on, ...noSnapshot }, '60 1', 'fail', 'last snapshot'],
      ['a failed snapshot on which nothing depends', { ...on, ...noSnapshot }, '', 'ok', 'file'],
      ['nothing', off, '', 'warn', 'nothing is kept on disk'],
      ['no file, and CONFIG forbidden', off, undefined, 'warn', 'cannot be seen'],
      ['an INFO that is silent', {}, undefined, 'skipped', 'tells nothing'],
    ]
    for (const [name, info, save, state, part] of cases)
      it(name, () =>
        expectJudged(judgePersistence([node(info, save === undefined ? {} : { save })]), [[state, part]]),
      )
  })

  describe('the schema', () => {
    const at = (version: number, other = version) => [...Array(8).fill(version), ...Array(8).fill(other)]
    const cases: ReadonlyArray<readonly [string, number[], number, boolean | undefined, State, string]> = [
      ['none, and nobody needs it', at(0), 0, false, 'ok', 'not needed'],
      ['none, Kong not looked at', at(0), 0, undefined, 'ok', 'not needed'],
      ['none, registry: true', at(0), 0, true, 'fail', 'registry: true'],
      ['an older one, with keys', at(1), 3, undefined, 'fail', 'with 3 registered keys'],
      ['an older one that nobody uses', at(1), 0, false, 'warn', 'this version needs 2'],
      ['this one', at(2), 1, true, 'ok', 'schema 2, 1 registered key'],
      ['a newer one', at(3), 0, false, 'fail', 'newer than 2'],
      ['a newer one in some partitions', at(2, 3), 0, false, 'fail', 'newer than 2'],
      ['one that differs', at(1, 2), 2, false, 'fail', 'schema 1 in some partitions, 2 in others'],
      ['one that has just begun', at(0, 2), 0, false, 'warn', 'schema 0 in some partitions'],
    ]
    for (const [name, versions, keys, configured, state, part] of cases)
      it(name, () => expectJudged(judgeSchema({ versions, keys, configured }, 2), [[state, part]]))
  })

  describe('the clocks', () => {
    const sample = (skew: number, round: number) => ({
      asked: 1000,
      answered: 1000 + round,
      redis: 1000 + round / 2 + skew,
    })
    const cases: ReadonlyArray<readonly [number, State, string]> = [
      [0, 'ok', '0 ms apart'],
      [-1900, 'ok', '1900 ms apart'],
      [2500, 'warn', '2.5 s ahead of'],
      [-61_000, 'fail', '61.0 s behind'],
    ]
    for (const [skew, state, part] of cases)
      it(`${skew} ms apart`, () =>
        expectJudged(judgeClock([{ address: 'a:1', samples: [sample(skew, 4)] }]), [[state, part]]))

    it('trusts the shortest round trip', () => {
      // The reply was held up for 10 s, so that the middle of the round trip is 5 s off.
      const held = { asked: 1000, answered: 11_000, redis: 1000 }
      expectJudged(judgeClock([{ address: 'a:1', samples: [held, sample(5, 2), held] }]), [['ok', ' 5 ms']])
    })

    it('tells the worst node', () => {
      const nodes = [0, -3000, 100].map((skew, i) => ({ address: `n:${i}`, samples: [sample(skew, 2)] }))
      expectJudged(judgeClock(nodes), [['warn', 'n:1 is 3.0 s behind']])
      expectJudged(judgeClock([{ address: 'a:1', samples: [] }]), [['skipped', 'does not tell']])
    })
  })

  it('dead alerts', () => {
    expectJudged(judgeDead({ dead: 0 }), [['ok', 'none']])
    expectJudged(judgeDead({ dead: 2, reason: '410' }), [['warn', '2 alerts given up, the newest: 410']])
  })
})
