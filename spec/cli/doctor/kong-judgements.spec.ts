import { expect } from 'chai'
import { type AdminFacts, judgeAdmin } from '../../../cli/doctor/admin-api.ts'
import { type AuthFacts, judgeAuthentication } from '../../../cli/doctor/authentication.ts'
import type { State } from '../../../cli/doctor/finding.ts'
import type { PluginEntity } from '../../../cli/doctor/gateway.ts'
import { judgeEnabled, judgePlugin } from '../../../cli/doctor/plugin.ts'
import { judgeSameRedis } from '../../../cli/doctor/same-redis.ts'
import { judgeTaps, tapIn } from '../../../cli/doctor/tap.ts'
import { judgeWebhooks } from '../../../cli/doctor/webhooks.ts'
import { Precedence } from '../../../cli/provisioning/precedence.ts'
import { tapLua } from '../../../plugins/virtual-key/metering/tap/lua.ts'
import { config } from '../../../schema/config.ts'
import { fieldPaths, kongFields, shapesFrom } from '../../../schema/fields.ts'
import { type Expected, expectJudged } from './expected.ts'

describe('vk doctor, what it makes of Kong', () => {
  describe('the Admin API', () => {
    const cases: ReadonlyArray<readonly [string, AdminFacts | undefined, State, string]> = [
      ['none', undefined, 'skipped', 'no --admin-url'],
      ['nobody there', { trouble: 'ECONNREFUSED', dbless: false }, 'fail', 'ECONNREFUSED'],
      [
        'Kong, as it says itself',
        { node: { version: '3.9.3', configuration: { database: 'postgres' } }, dbless: false },
        'ok',
        'Kong 3.9.3',
      ],
      ['Kong, by its header only', { version: '3.9.3', dbless: true }, 'ok', '3.9.3, without a database'],
      [
        'one with known holes',
        { version: '3.9.1', dbless: false },
        'warn',
        'lacks security patches that 3.9.3 has',
      ],
      ['one of an older line', { version: '3.8.1', dbless: false }, 'warn', 'not maintained any more'],
      ['one that is newer than all that is known', { version: '3.11.0', dbless: false }, 'ok', 'Kong 3.11.0'],
      ['an older one', { version: '2.8.5', dbless: false }, 'fail', 'Kong 2.8.5'],
      ['the enterprise edition', { version: '3.10.0.1-enterprise-edition', dbless: false }, 'ok', '3.10.0.1'],
      ['one that hides its version', { dbless: false }, 'warn', 'does not tell its version'],
    ]
    for (const [name, facts, state, part] of cases)
      it(name, () => expectJudged(judgeAdmin(facts), [[state, part]]))
  })

  describe('the plugin', () => {
    it('reads its own fields from what it tells Kong', () => {
      const names = fieldPaths(shapesFrom(kongFields(config)))
      expect(names).to.deep.equal(fieldPaths(config))
      expect(names).to.include.members(['registry', 'redis.host', 'webhook.secrets'])
    })

    const own = ['a', 'b', 'b.c']
    const cases: ReadonlyArray<readonly [string, readonly string[] | undefined, State, string]> = [
      ['not there', undefined, 'fail', 'not installed'],
      ['this version', ['b', 'b.c', 'a'], 'ok', 'this version'],
      ['an older one', ['a', 'b'], 'fail', 'older version of the plugin, without b.c'],
      ['a newer one', [...own, 'd'], 'warn', 'newer version of the plugin, with d'],
    ]
    for (const [name, found, state, part] of cases)
      it(name, () => expectJudged(judgePlugin(found, own), [[state, part]]))
  })

  it('where it is enabled', () => {
    const on = { scope: 'route chat', enabled: true }
    const off = { scope: 'everywhere', enabled: false }
    expectJudged(judgeEnabled({ configurations: [] }), [['warn', 'nothing is counted']])
    expectJudged(judgeEnabled({ configurations: [on] }), [['ok', 'on route chat']])
    expectJudged(judgeEnabled({ configurations: [on, off] }), [
      ['ok', 'on route chat'],
      ['warn', 'switched off on everywhere'],
    ])
    expectJudged(judgeEnabled({ configurations: Array(9).fill(on) }), [['ok', 'and 4 more']])
  })

  describe('authentication', () => {
    const facts = (own: Partial<AuthFacts>, ...by: string[][]): AuthFacts => ({
      scope: 'service openai',
      identifyBy: 'consumer',
      requireKey: false,
      routes: by.map((names, i) => ({
        name: `r${i}`,
        by: names.map((name) => ({ name, handsOn: name === 'key-auth' })),
      })),
      ...own,
    })
    const cases: ReadonlyArray<readonly [string, readonly AuthFacts[], Expected]> = [
      ['no configuration', [], [['skipped', 'not enabled']]],
      ['everywhere', [facts({}, ['jwt'], ['jwt'])], [['ok', 'jwt: service openai']]],
      [
        'on one of two routes',
        [facts({}, ['jwt'], [])],
        [
          ['fail', 'nobody authenticates on route r1 (service openai): nothing is counted'],
          ['ok', 'jwt'],
        ],
      ],
      [
        'nowhere, and a key is required',
        [facts({ requireKey: true }, [])],
        [['fail', 'every request is answered 401']],
      ],
      [
        'nowhere, and a header names the key',
        [facts({ identifyBy: 'header', scope: 'route r0' }, [])],
        [['warn', 'on route r0: a client can name any key']],
      ],
      ['no route', [facts({})], [['warn', 'applies to no request']]],
    ]
    for (const [name, given, expected] of cases)
      it(name, () => expectJudged(judgeAuthentication(given), expected))

    it('tells once that the key goes on to the upstream', () => {
      const found = judgeAuthentication([facts({}, ['key-auth']), facts({ scope: 'route b' }, ['key-auth'])])
      expectJudged(found, [['ok', 'key-auth: service openai, route b']])
      expect(found[0]?.advice).to.include('hide_credentials: true')
      expect(judgeAuthentication([facts({}, ['jwt'])])[0]?.advice).to.equal(undefined)
    })
  })

  describe('the tap', () => {
    const whole = Object.fromEntries(Object.entries(tapLua).map(([phase, lua]) => [phase, [lua]]))
    const cases: ReadonlyArray<readonly [string, Record<string, unknown> | undefined, string]> = [
      ['no post-function', undefined, 'absent'],
      ['as it is printed', whole, 'present'],
      [
        'as kong.yml keeps it',
        Object.fromEntries(Object.entries(tapLua).map(([phase, lua]) => [phase, [lua.trim()]])),
        'present',
      ],
      ['beside another function', { ...whole, log: ['return', tapLua.log] }, 'present'],
      ['another version', { ...whole, body_filter: [`${tapLua.body_filter} -- older`] }, 'other'],
      ['its first part only', { ...whole, log: [], body_filter: null }, 'other'],
      ['without its first part', { ...whole, access: [] }, 'absent'],
      ['somebody else', { access: ['return'], log: ['return'] }, 'absent'],
    ]
    for (const [name, own, state] of cases)
      it(name, () => expect(tapIn(own && { config: own })).to.equal(state))

    it('is judged route by route', () => {
      expectJudged(judgeTaps([]), [['skipped', 'no configuration has body: tapped']])
      expectJudged(judgeTaps([{ scope: 'route a', routes: [] }]), [['skipped', 'applies to no route']])
      const routes = (['present', 'absent', 'other'] as const).map((tap) => ({ name: tap, tap }))
      expectJudged(judgeTaps([{ scope: 'service s', routes }]), [
        ['fail', 'the tap on route other (service s) is that of another version: nothing is counted'],
        ['warn', 'no tap on route absent (service s)'],
        ['ok', 'on route present (service s)'],
      ])
    })
  })

  describe('the precedence of Kong', () => {
    const plugin = (id: string, at: Partial<Record<'route' | 'service' | 'consumer', string>>, own = {}) =>
      ({
        id,
        name: 'virtual-key',
        enabled: true,
        config: {},
        route: at.route ? { id: at.route } : null,
        service: at.service ? { id: at.service } : null,
        consumer: at.consumer ? { id: at.consumer } : null,
        ...own,
      }) satisfies PluginEntity
    /** From the first to the last. Each is found once those before it are gone. */
    const order = [
      plugin('rsc', { route: 'r', service: 's', consumer: 'c' }),
      plugin('rc', { route: 'r', consumer: 'c' }),
      plugin('sc', { service: 's', consumer: 'c' }),
      plugin('rs', { route: 'r', service: 's' }),
      plugin('c', { consumer: 'c' }),
      plugin('r', { route: 'r' }),
      plugin('s', { service: 's' }),
      plugin('g', {}),
    ]
    const route = { id: 'r', name: 'r', service: 's' }

    for (const [i, { id, consumer }] of order.entries())
      it(`${id} comes after ${i} others`, () => {
        const left = [
          ...order.slice(i),
          ...order.slice(0, i).map((one) => ({ ...one, enabled: false })),
          plugin('elsewhere', { route: 'r2' }),
        ]
        expect(new Precedence(left, [route]).on(route, 'virtual-key', 'c')?.id).to.equal(id)
        if (consumer)
          expect(new Precedence(left, [route]).on(route, 'virtual-key', 'other')?.id).not.to.equal(id)
      })

    it('a route without a service', () => {
      const bare = { ...route, service: undefined }
      expect(new Precedence(order, [bare]).on(bare, 'virtual-key')?.id).to.equal('r')
    })

    it('a consumer’s configuration applies where somebody finds out who calls', () => {
      const routes = [route, { id: 'r2', name: 'r2', service: undefined }]
      const auth = { ...plugin('k', { route: 'r2' }), name: 'key-auth' }
      const own = { id: 'c', consumer: 'c' }
      expect(new Precedence([plugin('c', own), auth], routes).routesOf(own)).to.deep.equal([routes[1]])
    })
  })

  describe('Redis of the configurations', () => {
    const place = (database: number, ...addresses: string[]) => ({ addresses, database })
    const here = place(0, '127.0.0.1:6379')
    const cases: ReadonlyArray<readonly [string, ReturnType<typeof place>, State, string]> = [
      ['the same', here, 'ok', 'uses 127.0.0.1:6379'],
      ['the same by another name', place(0, 'LOCALHOST:6379'), 'ok', 'uses'],
      ['a cluster of which it is a node', place(0, 'redis-1:6379', '127.0.0.1:6379'), 'ok', 'uses'],
      ['another host', place(0, 'redis.internal:6379'), 'warn', 'in redis.internal:6379'],
      ['another port', place(0, '127.0.0.1:6380'), 'warn', '127.0.0.1:6380'],
      ['another database', place(3, '127.0.0.1:6379'), 'warn', '127.0.0.1:6379, database 3'],
    ]
    for (const [name, redis, state, part] of cases)
      it(name, () =>
        expectJudged(
          judgeSameRedis({
            here,
            configurations: [{ id: 'a', scope: 'route chat', redis }],
            seen: new Set(),
          }),
          [[state, part]],
        ),
      )

    it('another address, whose plugin server gives its signs of life here', () => {
      const configurations = [{ id: 'a', scope: 'route chat', redis: place(0, 'redis.internal:6379') }]
      expectJudged(judgeSameRedis({ here, configurations, seen: new Set(['a']) }), [['ok', 'uses']])
    })
  })

  it('webhooks', () => {
    const url = 'https://me:p4ss@hooks.example.com/T0KEN'
    type Called = Parameters<typeof judgeWebhooks>[0]['called'][number]
    const called = (call: Called['call'], own: Partial<Called> = {}): Called => ({
      url,
      of: ['route chat'],
      allowPrivateNetworks: false,
      call,
      ...own,
    })
    const all = [
      called({ how: 'head', status: 405 }),
      called({ how: 'test', status: 204 }),
      called({ how: 'test', status: 500, error: 'broken' }),
      called({ how: 'failed', error: 'ENOTFOUND' }),
      called({ how: 'refused', error: '10.0.0.1 is a private address' }),
      called({ how: 'refused', error: '10.0.0.1 is private' }, { allowPrivateNetworks: undefined }),
      called({ how: 'unsigned' }),
    ]
    const found = judgeWebhooks({ called: all, found: 60, cut: true })
    expectJudged(found, [
      ['ok', 'https://hooks.example.com (route chat): reachable, answers 405 to HEAD'],
      ['ok', 'took a test, 204'],
      ['fail', 'answers 500 to a test: broken'],
      ['fail', 'ENOTFOUND'],
      ['fail', 'refused: 10.0.0.1'],
      ['skipped', 'not known here'],
      ['skipped', 'no signing secret'],
      ['skipped', '53 more'],
      ['skipped', 'registered keys'],
    ])
    expect(JSON.stringify(found)).not.to.match(/p4ss|T0KEN/)
    expectJudged(judgeWebhooks({ called: [], found: 0, cut: false }), [['skipped', 'no webhook is named']])
    expectJudged(judgeWebhooks({ called: [], found: 0, cut: false, unasked: 'Redis' }), [
      ['skipped', 'Redis could not be asked'],
    ])
  })
})
