import { hostname } from 'node:os'
import { expect } from 'chai'
import { Redis } from 'ioredis'
import { judgePluginServers, type PluginServerFacts } from '../../../cli/doctor/plugin-servers.ts'
import { AdminApi } from '../../../cli/provisioning/admin-api.ts'
import { PrivateRedis } from '../../../dev/redis.ts'
import { type KnownProcess, SILENT } from '../../../plugins/virtual-key/redis/heartbeat.ts'
import { processesName } from '../../../plugins/virtual-key/redis/names.ts'
import { releaseState } from '../../../schema/kong/releases.ts'
import { AdminApiDouble } from '../../support/admin-api.ts'
import { newInstance } from '../../support/exchange.ts'
import { PluginProcess } from '../../support/plugin-process.ts'
import { until } from '../../support/until.ts'
import { doctor, told } from './doctor.ts'
import { type Expected, expectJudged } from './expected.ts'

const HOUR = 3_600_000

describe('vk doctor on plugin servers', () => {
  const one = (host: string, own: Partial<KnownProcess> = {}): KnownProcess => ({
    host,
    pid: 7,
    version: '0.1.0',
    started: 0,
    configurations: ['chat'],
    waiting: 0,
    silent: 4000,
    ...own,
  })
  const chat = { id: 'chat', scope: 'route chat' }
  const none: PluginServerFacts = { processes: [], configurations: [] }

  const cases: ReadonlyArray<readonly [string, PluginServerFacts, Expected]> = [
    ['nobody was ever heard of', none, [['skipped', 'no plugin server']]],
    [
      'one that counts',
      { processes: [one('a', { lastSettled: 0 })], host: 'a', configurations: [chat] },
      [['ok', 'a, process 7, version 0.1.0: heard of 4 s ago, last settled 1970-01-01T00:00:00.000Z']],
    ],
    [
      'one that is silent while its Kong runs: requests pass uncounted',
      { processes: [one('a', { silent: SILENT })], host: 'a', configurations: [chat] },
      [['fail', 'gateway a: its plugin server was last heard of 35 s ago, and Kong runs']],
    ],
    [
      'a new one after the old one has ended',
      { processes: [one('a', { silent: HOUR }), one('a', { pid: 8 })], host: 'a', configurations: [chat] },
      [['ok', 'process 8']],
    ],
    [
      'Kong runs with the plugin, and nobody was ever heard of',
      { processes: [], host: 'a', configurations: [chat] },
      [['warn', 'gateway a: nothing has been heard of a plugin server']],
    ],
    [
      'Kong runs without the plugin: nobody is missed',
      { processes: [], host: 'a', configurations: [] },
      [['skipped', 'no plugin server']],
    ],
    [
      'another gateway of the same Redis is silent',
      { processes: [one('a'), one('b', { silent: HOUR })], host: 'a', configurations: [chat] },
      [
        ['ok', 'a, process 7'],
        ['warn', 'gateway b: its plugin server was last heard of 60 min ago: it was stopped'],
      ],
    ],
    [
      'a configuration that no plugin server has seen',
      {
        processes: [one('a'), one('b', { configurations: [] })],
        host: 'a',
        configurations: [chat, { id: 'x', scope: 'route x' }],
      },
      [
        ['ok', '; b, process 7'],
        ['warn', 'has seen the configuration of route x'],
      ],
    ],
    [
      'one usage record that waits',
      { processes: [one('a', { waiting: 1 })], configurations: [] },
      [
        ['ok', 'a, process'],
        ['warn', '1 usage record waits for Redis'],
      ],
    ],
    [
      'usage records that wait, and two versions',
      {
        processes: [one('a', { waiting: 3 }), one('b', { version: '0.2.0', waiting: 1 })],
        configurations: [],
      },
      [
        ['ok', 'a, process'],
        ['warn', '4 usage records wait for Redis'],
        ['warn', 'different versions run: 0.1.0, 0.2.0'],
      ],
    ],
  ]
  for (const [name, facts, expected] of cases)
    it(name, () => expectJudged(judgePluginServers(facts), expected))

  it('misses one where Kong calls this Redis by another name, and none where Kong uses another database', async function () {
    this.timeout(60_000)
    const redis = await PrivateRedis.start()
    const kong = await AdminApiDouble.start()
    kong.hostname = hostname()
    const api = new AdminApi({ url: kong.url, tokenHeader: 'Kong-Admin-Token' })
    try {
      const { id } = (await api.send('POST', '/plugins', {
        name: 'virtual-key',
        config: { redis: { host: 'localhost', port: redis.port } },
      })) as { id: string }
      const env = { REDIS_URL: redis.url, KONG_ADMIN_URL: kong.url }
      expect(told(await doctor(env), 'plugin-servers')).to.match(
        /^warn: gateway .*: nothing has been heard of a plugin server$/,
      )
      await api.send('PATCH', `/plugins/${id}`, {
        config: { redis: { host: '127.0.0.1', port: redis.port, database: 3 } },
      })
      expect(told(await doctor(env), 'plugin-servers')).to.match(/^skipped: no plugin server/)
    } finally {
      await kong.stop()
      await redis.stop()
    }
  })

  it('sees one live, and fails where it dies while Kong runs', async function () {
    this.timeout(60_000)
    const redis = await PrivateRedis.start()
    const kong = await AdminApiDouble.start()
    kong.hostname = hostname()
    const api = new AdminApi({ url: kong.url, tokenHeader: 'Kong-Admin-Token' })
    const server = await PluginProcess.start()
    const client = new Redis(redis.port)
    try {
      await api.send('PUT', '/services/openai', { host: '127.0.0.1' })
      const { id } = (await api.send('POST', '/services/openai/plugins', {
        name: 'virtual-key',
        // Another spelling of the same Redis than the command's.
        config: { redis: { host: '127.0.0.2', port: redis.port } },
      })) as { id: string }
      const env = { REDIS_URL: redis.url, KONG_ADMIN_URL: kong.url }
      expect(told(await doctor(env), 'same-redis')).to.match(/^warn: service openai: keeps its totals in/)
      const wire = await server.connect()
      await newInstance(wire, redis.port, { __plugin_id: id })
      await until('a sign of life', () => client.hlen(processesName()))
      const alive = await doctor(env)
      expect(told(alive, 'plugin-servers')).to.include(`ok: ${hostname()}, process ${server.child.pid}`)
      // What the address does not tell, the plugin server does.
      expect(told(alive, 'same-redis')).to.match(/^ok/)
      await server.stop('SIGKILL')
      // Redis may still hold its last sign of life, unread, and would write it over the older one.
      const others = async () => String(await client.client('LIST')).match(/ name=virtual-key/g)
      await until('the end of its connections', async () => (await others()) === null)
      const [[processId = '', sign = ''] = []] = Object.entries(await client.hgetall(processesName()))
      const earlier = sign.replace(/^\d+/, (at) => String(Number(at) - SILENT - 1000))
      await client.hset(processesName(), processId, earlier)
      const at = (await api.get<{ data: [{ id: string }] }>('/plugins'))?.data[0].id ?? ''
      await api.send('PATCH', `/plugins/${at}`, {
        config: { redis: { host: '127.0.0.1', port: redis.port } },
      })
      const dead = await doctor(env)
      expect(told(dead, 'plugin-servers')).to.match(
        /^fail: gateway .* was last heard of \d+ s ago, and Kong runs/,
      )
      expect(dead.code).to.equal(1)
    } finally {
      client.disconnect()
      await server.stop('SIGKILL')
      await kong.stop()
      await redis.stop()
    }
  })
})

describe('releaseState', () => {
  const cases: Record<string, string> = {
    '2.8.5': 'unusable',
    '3.4.2': 'old',
    '3.9.0': 'holes',
    '3.9.2': 'holes',
    '3.9.3': 'current',
    '3.9.4': 'current',
    '3.10.0': 'unknown',
    '4.0.0': 'unknown',
    '3.10.0.1-enterprise-edition': 'current',
    '3.4.3.20-enterprise-edition': 'current',
    nonsense: 'unusable',
  }
  for (const [version, state] of Object.entries(cases))
    it(`${version} is ${state}`, () => expect(releaseState(version)).to.equal(state))
})
